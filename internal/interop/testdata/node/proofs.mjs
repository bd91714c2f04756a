// Makes proofs for the task on standard input by dpop, jose and oauth4webapi; see
// package interop.
import { createHash, randomUUID } from 'node:crypto'
import { text } from 'node:stream/consumers'
import * as dpop from 'dpop'
import * as jose from 'jose'
import * as oauth from 'oauth4webapi'

const { urls, method, token, nonce } = JSON.parse(await text(process.stdin))
const proofs = []

// As a caller of each library would: the URL without query and fragment, which
// dpop and jose leave to the caller.
const target = (url) => {
  const { origin, pathname } = new URL(url)
  return origin + pathname
}

for (const alg of ['ES256', 'Ed25519', 'RS256', 'PS256']) {
  const keys = await dpop.generateKeyPair(alg)
  const jkt = await dpop.calculateThumbprint(keys.publicKey)
  for (const url of urls) {
    proofs.push({ maker: 'dpop', alg, jkt, url, proof: await dpop.generateProof(keys, target(url), method, nonce, token) })
  }
}

for (const alg of ['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519', 'RS512', 'PS384']) {
  const { publicKey, privateKey } = await jose.generateKeyPair(alg)
  const jwk = await jose.exportJWK(publicKey)
  const jkt = await jose.calculateJwkThumbprint(jwk)
  for (const url of urls) {
    const claims = { htm: method, htu: target(url), ath: createHash('sha256').update(token).digest('base64url'), nonce }
    const proof = await new jose.SignJWT(claims).setProtectedHeader({ typ: 'dpop+jwt', alg, jwk })
      .setIssuedAt().setJti(randomUUID()).sign(privateKey)
    proofs.push({ maker: 'jose', alg, jkt, url, proof })
  }
}

for (const alg of ['ES256', 'ES384', 'ES512', 'Ed25519', 'RS384', 'PS512']) {
  const DPoP = oauth.DPoP({ client_id: 'stranger' }, await oauth.generateKeyPair(alg))
  const jkt = await DPoP.calculateThumbprint()
  // It learns the nonce of an origin from an answer, here to a first request.
  for (const url of [urls[0], ...urls]) {
    let proof
    await oauth.protectedResourceRequest(token, method, new URL(url), undefined, undefined, {
      DPoP,
      [oauth.customFetch]: async (_, { headers }) => {
        proof = new Headers(headers).get('dpop')
        return new Response(null, { headers: { 'dpop-nonce': nonce } })
      },
    })
    proofs.push({ maker: 'oauth4webapi', alg, jkt, url, proof })
  }
}
// What was made before the nonce was known is not for the verifier.
const knowing = ({ proof }) => jose.decodeJwt(proof).nonce === nonce
console.log(JSON.stringify({ proofs: proofs.filter(knowing) }))
