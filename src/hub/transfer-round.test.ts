import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemGrant } from '#access'
import { plus } from '#base'
import type { Json } from '#wire/json'
import { FakeClock } from '../../test/fake-clock.ts'
import { openDomainScene, registryGrants } from '../../test/domain-scene.ts'
import { SeededRandom } from '../../test/seeded-random.ts'
import type { ExportLine, Transfer } from './transfer.ts'
import { isTwinObject } from './twin-rules.ts'

const read = {
  devices: registryGrants.read,
  twins: systemGrant('twin.read', 'twins'),
  configurations: systemGrant('configuration.read', 'configurations'),
}
const to = {
  write: registryGrants.write,
  erase: registryGrants.erase,
  twins: systemGrant('twin.write', 'twins'),
  configurations: systemGrant('configuration.write', 'configurations'),
}
const { signal } = new AbortController()
const letters = ['a', 'Ü', '数', '🌧', "'", '"', '\\', '_', '-', '%', '/']

/** Any JSON that a twin can hold. */
function anyJson(random: SeededRandom, depth: number): Json {
  const kind = random.integer(depth > 3 ? 4 : 6)
  if (kind === 0) return random.integer(2) === 0
  if (kind === 1) return random.integer(1_000_000) - 500_000
  if (kind === 2) return random.integer(1_000) / 8
  if (kind === 3) return Array.from({ length: random.integer(6) }, () => letters[random.integer(letters.length)]).join('')
  if (kind === 4) return Array.from({ length: random.integer(4) }, () => anyJson(random, depth + 1))
  return anyObject(random, depth + 1)
}

function anyObject(random: SeededRandom, depth: number): { readonly [key: string]: Json } {
  const keys = Array.from({ length: random.integer(5) }, (_, at) => `${letters[random.integer(letters.length)]}${at}`)
  return Object.fromEntries(keys.map((key) => [key, anyJson(random, depth)]))
}

function anyProof(random: SeededRandom): Json {
  const key = () => random.bytes(16 + random.integer(49)).toString('base64')
  const print = () => random.bytes(32).toString('hex')
  const proofs = [
    { type: 'certificateAuthority' },
    { type: 'sas', symmetricKey: { primaryKey: key(), secondaryKey: key() } },
    { type: 'selfSigned', x509Thumbprint: { primaryThumbprint: print(), secondaryThumbprint: random.integer(2) === 0 ? null : print() } },
  ]
  return proofs[random.integer(proofs.length)] ?? null
}

function anyFleet(random: SeededRandom): readonly Json[] {
  return Array.from({ length: 12 }, (_, at) => {
    const id = `d${at}${["'", '%', '$', '(', '='][random.integer(5)]}`
    const twin = () => ({ tags: anyObject(random, 0), properties: { desired: anyObject(random, 0), reported: anyObject(random, 0) } })
    const status = random.integer(2) === 0 ? 'enabled' : 'disabled'
    const capabilities = { iotEdge: random.integer(4) === 0 }
    const device = {
      id,
      status,
      statusReason: random.integer(2) === 0 ? null : 'why',
      capabilities,
      authentication: anyProof(random),
      ...twin(),
    }
    const modules = Array.from({ length: random.integer(3) }, (_other, n) => ({
      id,
      moduleId: `m${n}`,
      managedBy: random.integer(2) === 0 ? null : 'us',
      authentication: anyProof(random),
      ...twin(),
    }))
    return [device, ...modules]
  }).flat()
}

async function counted(transfer: Transfer, devices: readonly Json[], isDone: boolean) {
  const begun = await transfer.begin(to.write)
  assert.ok(begun.ok)
  const { id } = begun.value
  const lines = devices.map((one, at) => ({ line: at + 1, text: JSON.stringify(one) }))
  assert.ok((await transfer.take(to.write, id, 'devices', lines)).ok)
  const plan = await transfer.plan(read, id, async () => undefined, signal)
  assert.ok(plan.ok)
  if (isDone) {
    const done = await transfer.apply(
      { ...read, to },
      id,
      plan.value.digest,
      async ({ problems }) => assert.deepEqual(problems, []),
      signal,
    )
    assert.ok(done.ok && done.value.failed === 0)
  }
  return plan.value.counts
}

/** The lines of an export with the keys put back, as a reader of its files does it. */
async function exported(transfer: Transfer): Promise<readonly Json[]> {
  const lines: ExportLine[] = []
  for await (const some of transfer.export(read, to.write)) lines.push(...some)
  const nameOf = ({ id, moduleId }: ExportLine['value']) => JSON.stringify([id, moduleId ?? null])
  const keys = new Map(lines.filter(({ file }) => file === 'keys').map(({ value }) => [nameOf(value), value['symmetricKey'] ?? null]))
  return lines.flatMap(({ file, value }): Json[] => {
    if (file !== 'devices') return []
    const { authentication: proof, ...rest } = value
    const symmetricKey = keys.get(nameOf(value))
    if (symmetricKey === undefined || !isTwinObject(proof)) return [value]
    return [{ ...rest, authentication: { ...proof, symmetricKey } }]
  })
}

test(
  'whatever a fleet is, its export makes the same fleet of an empty hub, and neither plans anything for the other',
  { timeout: 60_000 },
  async () => {
    const seed = Math.floor(Math.random() * 2 ** 31)
    const random = new SeededRandom(seed)
    for (let run = 0; run < 8; run++) {
      const fleet = anyFleet(random)
      await using one = await openDomainScene({ sasUntil: plus(new FakeClock().now(), 1_000_000) })
      await using other = await openDomainScene({ sasUntil: plus(new FakeClock().now(), 1_000_000) })
      await counted(one.hub.transfer, fleet, true)
      const lines = await exported(one.hub.transfer)
      await counted(other.hub.transfer, lines, true)
      for (const [scene, said] of [
        [one, lines],
        [other, lines],
        [other, fleet],
        [one, await exported(other.hub.transfer)],
      ] as const) {
        const counts = await counted(scene.hub.transfer, said, false)
        assert.deepEqual(counts, { create: 0, update: 0, delete: 0, same: said.length, refused: 0 }, `seed ${seed}, run ${run}`)
      }
    }
  },
)
