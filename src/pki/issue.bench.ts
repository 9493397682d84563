import { parseDeviceId, systemRandom } from '#base'
import { openGround, openThrowawayPki, mayIssue, temporaryDirectory } from '../../test/throwaway-pki.ts'
import { decodePem } from '#wire/x509'

/*
 * Certificates issued a second with everything on: fresh P-256 key, lint, serial durable in the encrypted store with its audit entry,
 * signature, completed row. Then how long a presented chain takes to verify, first and remembered.
 * node --conditions=source src/pki/issue.bench.ts
 */

await using directory = await temporaryDirectory()
await using ground = await openGround(directory.path)
await using pki = await openThrowawayPki(ground.ports)

function deviceId(n: number) {
  const id = parseDeviceId(`bench-${systemRandom.bytes(4).toString('hex')}-${n}`)
  if (!id.ok) throw new Error(id.error.message)
  return id.value
}

function requests(count: number) {
  return Array.from({ length: count }, (_, n) => ({ deviceId: deviceId(n), generate: true }) as const)
}

async function rate(name: string, count: number, work: () => Promise<unknown>): Promise<void> {
  const began = performance.now()
  await work()
  console.log(`${name.padEnd(44)} ${Math.round((count * 1000) / (performance.now() - began)).toLocaleString('en')}/s`)
}

await pki.issueDevices(mayIssue, requests(500))
await rate('bulk of 5,000', 5_000, () => pki.issueDevices(mayIssue, requests(5_000)))
await rate('one request each, 64 at a time', 2_048, async () => {
  for (let done = 0; done < 2_048; done += 64) await Promise.all(requests(64).map((request) => pki.issueDevice(mayIssue, request)))
})
await rate('one after the other', 200, async () => {
  for (const request of requests(200)) await pki.issueDevice(mayIssue, request)
})

const issued = await pki.issueDevices(mayIssue, requests(2_000))
const chains = issued.flatMap((one) => (one.ok ? [decodePem('CERTIFICATE', one.value.certificatePem)] : []))
const presented = chains.flatMap((chain) => (chain.ok ? [[...chain.value]] : []))
const now = ground.clock.now()
const verifyAll = () => Promise.resolve(presented.map((chain) => pki.verifyDeviceChain(chain, now)))
await rate('chains verified, first time', presented.length, verifyAll)
await rate('chains verified, remembered', presented.length, verifyAll)
