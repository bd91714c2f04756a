// A resource server that checks tokens and proofs by oauth4webapi. It reads who
// issues the tokens and for whom from the first line of standard input, prints
// its URL, and ends with its input.
import http from 'node:http'
import { createInterface } from 'node:readline'
import * as oauth from 'oauth4webapi'

const lines = createInterface({ input: process.stdin })
lines.once('close', () => process.exit())
const { value } = await lines[Symbol.asyncIterator]().next()
const { issuer, audience } = JSON.parse(value)
const insecure = { [oauth.allowInsecureRequests]: true } // all of it is on loopback
const as = await oauth.processDiscoveryResponse(new URL(issuer), await oauth.discoveryRequest(new URL(issuer), insecure))

const server = http.createServer(async (req, res) => {
  try {
    const request = new Request(`http://${req.headers.host}${req.url}`, { method: req.method, headers: req.headers })
    const claims = await oauth.validateJwtAccessToken(as, request, audience, { requireDPoP: true, ...insecure })
    res.end(claims.client_id)
  } catch (error) {
    res.writeHead(401).end(`${error.message} ${JSON.stringify(error.cause)}`)
  }
})
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`))
