import com.nimbusds.jose.util.JSONObjectUtils;
import com.nimbusds.oauth2.sdk.id.Issuer;
import com.nimbusds.openid.connect.sdk.op.OIDCProviderMetadata;
import com.sun.net.httpserver.HttpServer;
import java.io.*;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.*;
import org.springframework.security.authentication.ProviderManager;
import org.springframework.security.oauth2.jose.jws.SignatureAlgorithm;
import org.springframework.security.oauth2.jwt.*;
import org.springframework.security.oauth2.server.resource.authentication.*;

/**
 * A resource server that checks tokens and proofs by Spring Security. It reads who issues the tokens
 * and for whom from the first line of standard input, prints its URL, and ends with its input.
 */
class ResourceServer {
  public static void main(String[] args) throws Exception {
    BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    Map<String, Object> task = JSONObjectUtils.parse(input.readLine());
    String issuer = (String) task.get("issuer");

    String keys = OIDCProviderMetadata.resolve(new Issuer(issuer)).getJWKSetURI().toString();
    NimbusJwtDecoder tokens = NimbusJwtDecoder.withJwkSetUri(keys)
        .jwsAlgorithm(SignatureAlgorithm.ES256).validateType(false).build();
    tokens.setJwtValidator(JwtValidators.createAtJwtValidator()
        .issuer(issuer).audience((String) task.get("audience")).clientId("stranger").build());
    DPoPAuthenticationProvider proofs = new DPoPAuthenticationProvider(new ProviderManager(new JwtAuthenticationProvider(tokens)));

    HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
    server.createContext("/", exchange -> {
      int status = 200;
      String body;
      try {
        List<String> header = exchange.getRequestHeaders().get("DPoP");
        String[] authorization = exchange.getRequestHeaders().getFirst("Authorization").split(" ");
        if (header.size() != 1 || !authorization[0].equals("DPoP")) {
          throw new Exception("not exactly one token and one proof");
        }
        String url = "http://" + exchange.getRequestHeaders().getFirst("Host") + exchange.getRequestURI().getRawPath();
        JwtAuthenticationToken who = (JwtAuthenticationToken) proofs.authenticate(
            new DPoPAuthenticationToken(authorization[1], header.get(0), exchange.getRequestMethod(), url));
        body = who.getToken().getClaimAsString("client_id");
      } catch (Exception e) {
        status = 401;
        body = e.toString();
      }
      byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
      exchange.sendResponseHeaders(status, bytes.length);
      exchange.getResponseBody().write(bytes);
      exchange.close();
    });
    server.start();
    System.out.println("http://127.0.0.1:" + server.getAddress().getPort());
    input.readLine();
    System.exit(0);
  }
}
