import { openSealing, openWatched } from '../../../test/key-store-scene.ts'
import { makeSoftToken } from '../../../test/softhsm.io.ts'
import { startSoftTpm } from '../../../test/swtpm.io.ts'
import type { KeyStore } from './signing-key.ts'
import { softwareKeys } from './software-keys.ts'

/*
 * Signatures a second through the port, one at a time and 64 at a time, each verified: in software, SoftHSM 2 and swtpm.
 * node --conditions=source src/pki/keys/keys.bench.ts
 */
const data = Buffer.alloc(600, 7)

async function rates(store: KeyStore): Promise<void> {
  const made = await store.make('bench')
  if (!made.ok) throw new Error(made.error.message)
  const { key } = made.value
  for (const window of [1, 64]) {
    let count = 0
    const end = performance.now() + 2_000
    await Promise.all(
      Array.from({ length: window }, async () => {
        for (; performance.now() < end; count++) await key.sign(data)
      }),
    )
    console.log(
      `${store.place.padEnd(10)} ${String(window).padStart(3)} at a time ${Math.round(count / 2)
        .toLocaleString('en')
        .padStart(8)}/s`,
    )
  }
}

await rates(softwareKeys(openSealing))
await using token = await makeSoftToken()
await using hsm = await openWatched(
  { place: 'pkcs11', module: token.module, token: token.token, pinFile: token.pinFile },
  token.environment,
)
await rates(hsm.store)
await using tpm = await startSoftTpm()
await using chip = await openWatched({ place: 'tpm', tcti: tpm.tcti })
await rates(chip.store)
