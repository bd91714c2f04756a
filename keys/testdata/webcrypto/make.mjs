// Exports an Ed25519 key pair as Node's WebCrypto writes it, and a JWS by it:
// node make.mjs, with Node 20 or later. Test keys: never used for anything.
import { writeFileSync } from "node:fs";

const { privateKey, publicKey } = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
const save = (name, value) => writeFileSync(new URL(name, import.meta.url), JSON.stringify(value) + "\n");
save("ed25519-private.json", await crypto.subtle.exportKey("jwk", privateKey));
save("ed25519-public.json", await crypto.subtle.exportKey("jwk", publicKey));

const encode = (bytes) => Buffer.from(bytes).toString("base64url");
const signed = encode('{"alg":"Ed25519"}') + "." + encode("Node.js");
save("ed25519-jws.json", signed + "." + encode(await crypto.subtle.sign("Ed25519", privateKey, Buffer.from(signed))));
