/** What a program needs to call the hub as a back end. Paths are absolute. */
export type CallerFacts = { readonly name: string; readonly host: string; readonly key: string; readonly root: string }

const quote = (text: string) => JSON.stringify(text)

/** A program for Node.js that signs its own tokens and asks the registry; `getToken` is all that other Azure SDKs want, too. */
export function callerSnippet({ name, host, key, root }: CallerFacts): string {
  const subject = quote(`urn:thingwall:service:${name}`)
  const audience = quote(`https://${host}`)
  return `// NODE_EXTRA_CA_CERTS=${root}
import { createPrivateKey, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import iothub from 'azure-iothub'

const key = createPrivateKey(readFileSync(${quote(key)}))
const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
const credential = {
  async getToken() {
    const now = Math.floor(Date.now() / 1000)
    const name = ${subject}
    const claims = { iss: name, sub: name, aud: ${audience}, iat: now, exp: now + 3600 }
    const text = \`\${part({ alg: 'ES256', typ: 'JWT' })}.\${part(claims)}\`
    const signature = sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' })
    return { token: \`\${text}.\${signature.toString('base64url')}\`, expiresOnTimestamp: (now + 3600) * 1000 }
  },
}
const registry = iothub.Registry.fromTokenCredential(${quote(host)}, credential)
console.log((await registry.list()).responseBody.map(({ deviceId }) => deviceId))`
}
