import com.nimbusds.common.contenttype.ContentType;
import com.nimbusds.jose.*;
import com.nimbusds.jose.crypto.ECDSASigner;
import com.nimbusds.jose.jwk.*;
import com.nimbusds.jose.jwk.gen.ECKeyGenerator;
import com.nimbusds.jose.util.JSONObjectUtils;
import com.nimbusds.jwt.*;
import com.nimbusds.oauth2.sdk.*;
import com.nimbusds.oauth2.sdk.auth.PrivateKeyJWT;
import com.nimbusds.oauth2.sdk.dpop.*;
import com.nimbusds.oauth2.sdk.http.*;
import com.nimbusds.oauth2.sdk.id.Issuer;
import com.nimbusds.oauth2.sdk.token.AccessToken;
import com.nimbusds.openid.connect.sdk.op.OIDCProviderMetadata;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.*;

/**
 * A client of the task on standard input by Nimbus; see package interop. It does what NHN's own
 * library does with it: it reads discovery as OpenID Connect, sends no client_id, and sends the same
 * assertion again with the nonce.
 */
class Client {
  public static void main(String[] args) throws Exception {
    Map<String, Object> task = JSONObjectUtils.parse(new String(System.in.readAllBytes(), StandardCharsets.UTF_8));
    String client = (String) task.get("client_id");
    Issuer issuer = new Issuer((String) task.get("issuer"));
    OIDCProviderMetadata metadata = OIDCProviderMetadata.resolve(issuer);

    ECKey key = ECKey.parse(JSONObjectUtils.getJSONObject(task, "key"));
    long now = System.currentTimeMillis();
    SignedJWT assertion = new SignedJWT(
        new JWSHeader.Builder(JWSAlgorithm.ES256).type(new JOSEObjectType("client-authentication+jwt")).keyID(key.getKeyID()).build(),
        new JWTClaimsSet.Builder().issuer(client).subject(client).audience(issuer.getValue()).jwtID(UUID.randomUUID().toString())
            .issueTime(new Date(now)).notBeforeTime(new Date(now)).expirationTime(new Date(now + 30_000)).build());
    assertion.sign(new ECDSASigner(key));
    DPoPProofFactory proofs = new DefaultDPoPProofFactory(new ECKeyGenerator(Curve.P_256).generate(), JWSAlgorithm.ES256);

    URI endpoint = metadata.getTokenEndpointURI();
    HTTPRequest request = new TokenRequest.Builder(endpoint, new PrivateKeyJWT(assertion), new ClientCredentialsGrant())
        .scope(Scope.parse((String) task.get("scope"))).build().toHTTPRequest();
    request.setDPoP(proofs.createDPoPJWT("POST", endpoint));
    HTTPResponse response = request.send();
    if (response.getDPoPNonce() != null && response.getStatusCode() == 400) {
      request.setDPoP(proofs.createDPoPJWT("POST", endpoint, response.getDPoPNonce()));
      response = request.send();
    }
    TokenResponse answer = TokenResponse.parse(response);
    if (!answer.indicatesSuccess()) {
      throw new Exception(answer.toErrorResponse().getErrorObject().toString());
    }
    AccessToken token = answer.toSuccessResponse().getTokens().getDPoPAccessToken();

    List<Object> answers = new ArrayList<>();
    for (Map<String, Object> call : JSONObjectUtils.getJSONObjectArray(task, "calls")) {
      String method = (String) call.get("method");
      URI uri = new URI((String) call.get("url"));
      request = new HTTPRequest(HTTPRequest.Method.valueOf(method), uri);
      request.setAuthorization(token.toAuthorizationHeader());
      if (call.get("body") != null) {
        request.setEntityContentType(ContentType.APPLICATION_JSON);
        request.setBody((String) call.get("body"));
      }
      request.setDPoP(proofs.createDPoPJWT(method, uri, token));
      response = request.send();
      if (response.getDPoPNonce() != null && response.getStatusCode() == 401) {
        request.setDPoP(proofs.createDPoPJWT(method, uri, token, response.getDPoPNonce()));
        response = request.send();
      }
      answers.add(Map.of("status", response.getStatusCode(), "body", response.getBody()));
    }
    System.out.println(JSONObjectUtils.toJSONString(Map.of("token", token.toJSONObject(), "answers", answers)));
  }
}
