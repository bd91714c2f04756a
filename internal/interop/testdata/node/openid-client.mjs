// A client of the task on standard input by openid-client; see package interop.
import { text } from 'node:stream/consumers'
import * as openid from 'openid-client'

const task = JSON.parse(await text(process.stdin))
const key = await crypto.subtle.importKey('jwk', task.key, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
const auth = openid.PrivateKeyJwt({ key, kid: task.key.kid },
  { [openid.modifyAssertion]: (_, claims) => { claims.aud = task.audience ?? claims.aud } })
const config = await openid.discovery(new URL(task.issuer), task.client_id, undefined, auth, { execute: [openid.allowInsecureRequests] })
const DPoP = openid.getDPoPHandle(config, await openid.randomDPoPKeyPair('ES256'))

const token = await openid.clientCredentialsGrant(config, { scope: task.scope }, { DPoP })
const answers = []
for (const { method, url, body } of task.calls) {
  const headers = new Headers({ 'content-type': 'application/json' })
  const response = await openid.fetchProtectedResource(config, token.access_token, new URL(url), method, body, headers, { DPoP })
  answers.push({ status: response.status, body: await response.text() })
}
console.log(JSON.stringify({ token, answers }))
