import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemGrant } from '#access'
import { auditMigrations, openAudit } from '#audit'
import { Secret, ok, refuse, systemClock, systemRandom } from '#base'
import { type AnyKind, anyKind, egressMigrations, eventSources, openEgress } from '#egress'
import { telemetryForm, twinEventBody } from '#hub'
import { openStore } from '#store'
import { HeldJournal } from '../../test/held-journal.ts'
import { numbered } from '../../test/routes-writer.ts'

/** Events a second that routes deliver to endpoints that take at once, with one endpoint and with five: `node src/egress/egress.bench.ts`. */
const events = 200_000
const may = systemGrant('route.write', 'routes')

for (const endpoints of [1, 5]) {
  const directory = await mkdtemp(join(tmpdir(), 'thingwall-bench-'))
  const { signal } = new AbortController()
  const clock = systemClock
  const migrations = [...auditMigrations, ...egressMigrations]
  const store = await openStore({ file: join(directory, 'hub.db'), key: new Secret(Buffer.alloc(32, 7)), migrations }, { clock }, signal)
  const audit = await openAudit({ store, clock }, signal)
  const journal = new HeldJournal()
  let taken = 0
  const kind: AnyKind = anyKind({
    kind: 'none',
    batch: { events: 500, bytes: 1024 * 1024, lingerMs: 5 },
    parse: (settings) => ok(settings),
    open: async () => ({
      async deliver(batch) {
        taken += batch.length
        return { kind: 'ok' }
      },
      [Symbol.asyncDispose]: async () => undefined,
    }),
  })
  const egress = await openEgress(
    {
      store,
      journal,
      clock,
      random: systemRandom,
      commit: audit.commit,
      hubName: 'hub.example',
      telemetryForm,
      twinEvent: twinEventBody,
      twin: async () => undefined,
      secret: () => undefined,
      vaultSecret: async () => refuse('egress/secret-missing', 'There is no vault here.'),
      mayReach: () => false,
      directory,
      trouble: (what, error) => console.error(what, error),
      isOwn: () => false,
    },
    [kind],
    signal,
  )
  for (let n = 0; n < endpoints; n++) {
    const name = `e${n}`
    await egress.addEndpoint(may, { name, kind: 'none', settings: {}, sources: eventSources, condition: '' })
    await egress.admin.addRoute(may, { name, source: 'DeviceMessages', condition: 'AS_NUMBER(n) >= 0', endpoint: name, isEnabled: true })
  }
  for (let n = 0; n < events; n++) journal.append(numbered(n))
  const started = performance.now()
  journal.flush()
  while (taken < events * endpoints) await new Promise((resolve) => setTimeout(resolve, 5))
  const seconds = (performance.now() - started) / 1_000
  console.log(`${endpoints} endpoint(s): ${Math.round(events / seconds)} events/s, ${Math.round(taken / seconds)} deliveries/s`)
  await egress[Symbol.asyncDispose]()
  await store[Symbol.asyncDispose]()
  await rm(directory, { recursive: true, force: true })
}
