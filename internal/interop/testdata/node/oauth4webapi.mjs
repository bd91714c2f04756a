// A client of the task on standard input by oauth4webapi; see package interop.
import { text } from 'node:stream/consumers'
import * as oauth from 'oauth4webapi'

const task = JSON.parse(await text(process.stdin))
const insecure = { [oauth.allowInsecureRequests]: true } // the servers are on loopback
const issuer = new URL(task.issuer)
const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure))
const client = { client_id: task.client_id }
const key = await crypto.subtle.importKey('jwk', task.key, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
const auth = oauth.PrivateKeyJwt({ key, kid: task.key.kid },
  { [oauth.modifyAssertion]: (_, claims) => { claims.aud = task.audience ?? claims.aud } })
const DPoP = oauth.DPoP(client, await oauth.generateKeyPair('ES256'))

// twice makes a request once more when the server wants its nonce in the proof.
async function twice(request) {
  try {
    return await request()
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error
    return await request()
  }
}

const token = await twice(async () => oauth.processClientCredentialsResponse(as, client,
  await oauth.clientCredentialsGrantRequest(as, client, auth, { scope: task.scope }, { DPoP, ...insecure })))
const answers = []
for (const { method, url, body } of task.calls) {
  const headers = new Headers({ 'content-type': 'application/json' })
  const response = await twice(() => oauth.protectedResourceRequest(
    token.access_token, method, new URL(url), headers, body, { DPoP, ...insecure }))
  answers.push({ status: response.status, body: await response.text() })
}
console.log(JSON.stringify({ token, answers }))
