import { textOf } from './rows.ts'
import { rotateDue } from './rotating.ts'
import type { SecretDesk } from './secret-desk.ts'
import { secretLimits } from './limits.ts'
import { purge, tellChange } from './writing.ts'

/** Things done in one round at most, so that a round has an end. */
const perRound = 1_000

/** What time does to secrets: versions that were replaced are disabled, deleted secrets end, rotations fall due. */
export async function upkeep(desk: SecretDesk): Promise<void> {
  await retire(desk)
  await purgeExpired(desk)
  await rotateDue(desk)
}

/** Does the {@link upkeep} from time to time, one round after another. Returns how to stop it, which waits for the round under way. */
export function keepUp(desk: SecretDesk): () => Promise<void> {
  let running: Promise<void> | undefined
  const round = () => {
    running ??= upkeep(desk)
      .catch((error: unknown) => desk.ports.trouble('the upkeep of secrets', error))
      .finally(() => (running = undefined))
  }
  const stop = desk.ports.clock.every(secretLimits.upkeepMs, round)
  return async () => {
    stop()
    await running
  }
}

async function retire(desk: SecretDesk): Promise<void> {
  const { store, clock, system } = desk.ports
  const rows = await store.query(
    `SELECT s.name AS name, v.version AS version FROM secret_versions v JOIN secrets s ON s.key = v.key
      WHERE v.retires_at <= ? LIMIT ${perRound}`,
    clock.now(),
  )
  for (const row of rows) {
    const [name, version] = [textOf(row['name']), textOf(row['version'])]
    const grant = system('secret.write', `secret:${name}`)
    await desk.change(async () => {
      const now = clock.now()
      const statement = {
        sql: 'UPDATE secret_versions SET enabled = 0, retires_at = NULL, updated_at = ? WHERE version = ? AND key = ? AND retires_at <= ?',
        args: [now, version, name.toLowerCase(), now],
        expect: 1,
      }
      const done = await desk.commit(grant, { action: 'secret.retire', resource: `secret:${name}`, detail: { version } }, [statement])
      if (done.ok) tellChange(desk, grant, name, version, 'retired')
    })
  }
}

async function purgeExpired(desk: SecretDesk): Promise<void> {
  const { store, clock, system } = desk.ports
  const rows = await store.query(`SELECT name FROM secrets WHERE purges_at <= ? LIMIT ${perRound}`, clock.now())
  for (const row of rows) {
    const name = textOf(row['name'])
    const grant = system('secret.write', `secret:${name}`)
    await desk.change(async () => {
      const held = await desk.dead(name)
      if (held.ok && (held.value.purgesAt ?? Infinity) <= clock.now()) await purge(desk, grant, name, { from: 'retention' })
    })
  }
}
