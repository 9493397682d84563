import { type Grant, type Result, Secret, instant, ok, refuse } from '#base'
import { keyOf, type SecretVersion } from './secret.ts'
import { type DueReason, type RotationPolicy, checkRotation, dueAt, encodeRotation, generateValue } from './rotation.ts'
import { heldOf, type Held, type From, type SecretDesk, actorOf } from './secret-desk.ts'
import { newestJoin, versionColumns } from './rows.ts'
import { addVersion, tellChange } from './writing.ts'

/** Says when a secret is rotated; undefined: never. Refuses `vault/rotation-policy`, `vault/secret-not-found`. */
export async function setRotation(
  desk: SecretDesk,
  grant: Grant<'secret.write'>,
  name: string,
  policy: RotationPolicy | undefined,
  { from }: From,
): Promise<Result<void>> {
  const allowed = await desk.allow(grant, 'rotate', name, { from })
  if (!allowed.ok) return allowed
  const good = policy === undefined ? ok(undefined) : checkRotation(policy)
  if (!good.ok) return good
  const done = await desk.change(async () => {
    const held = await desk.live(name)
    if (!held.ok) return held
    const text = policy === undefined ? null : encodeRotation(policy)
    const statement = { sql: 'UPDATE secrets SET rotation = ?, told_version = NULL WHERE key = ?', args: [text, keyOf(name)], expect: 1 }
    const resource = `secret:${held.value.newest.name}`
    return await desk.commit(grant, { action: 'secret.rotation', resource, detail: { policy: text, from } }, [statement])
  })
  if (done.ok) tellChange(desk, grant, name, null, 'rotation')
  return done
}

/** Makes a new version by the generator of its policy now. Refuses `vault/no-generator`, `vault/secret-not-found`. */
export async function rotateSecret(
  desk: SecretDesk,
  grant: Grant<'secret.write'>,
  name: string,
  from: From,
): Promise<Result<SecretVersion>> {
  const allowed = await desk.allow(grant, 'rotate', name, from)
  if (!allowed.ok) return allowed
  return await desk.change(async () => {
    const held = await desk.live(name)
    return held.ok ? await rotate(desk, grant, held.value, 'asked', from) : held
  })
}

async function rotate(desk: SecretDesk, grant: Grant, held: Held, why: DueReason | 'asked', from: From): Promise<Result<SecretVersion>> {
  const { newest: before, rotation } = held
  if (rotation?.generator !== 'random')
    return refuse('vault/no-generator', `${before.name} has no generator of values. Set its value, or give it a rotation that makes one.`)
  const { clock, random } = desk.ports
  const now = clock.now()
  using value = new Secret(generateValue(rotation, random))
  // A version that had an end gets one as far away, or the next rotation by expiry would never come.
  const expiresAt = before.expiresAt === undefined ? undefined : instant(now + Math.max(before.expiresAt - before.createdAt, 0))
  const attributes = { contentType: before.contentType, tags: before.tags, expiresAt }
  const retiresOthersAt = instant(now + rotation.overlapHours * 3_600_000)
  const made = await addVersion(desk, grant, before.name, value, { attributes, retiresOthersAt, action: 'secret.rotate' }, from)
  if (!made.ok) return made
  const { name, version } = made.value
  desk.ports.tell({ kind: 'secret-rotated', time: now, actor: actorOf(grant), name, version, previous: before.version, why })
  desk.changed(name)
  return made
}

/** Rotates what is due, and says of the rest that it is, once for each version. */
export async function rotateDue(desk: SecretDesk): Promise<void> {
  const { store, clock, system } = desk.ports
  const rows = await store.query(
    `SELECT ${versionColumns}, s.deleted_at AS deleted_at, s.purges_at AS purges_at, s.rotation AS rotation, s.told_version AS told
      FROM ${newestJoin} WHERE s.rotation IS NOT NULL AND s.deleted_at IS NULL`,
  )
  for (const row of rows) {
    const seen = heldOf(row)
    const due = seen.rotation === undefined ? undefined : dueAt(seen.rotation, seen.newest)
    if (due === undefined || due.at > clock.now()) continue
    const grant = system('secret.write', `secret:${seen.newest.name}`)
    if (seen.rotation?.generator !== 'random') {
      if (row['told'] !== seen.newest.version) await tellDue(desk, seen, due.why)
      continue
    }
    await desk.change(async () => {
      const held = await desk.live(seen.newest.name)
      // Somebody may have set a value since we looked.
      if (!held.ok || held.value.newest.version !== seen.newest.version) return
      const made = await rotate(desk, grant, held.value, due.why, { from: 'schedule' })
      if (!made.ok) desk.ports.trouble(`the secret ${seen.newest.name} could not be rotated`, made.error.code)
    })
  }
}

async function tellDue(desk: SecretDesk, { newest }: Held, why: DueReason): Promise<void> {
  const { store, clock, tell } = desk.ports
  const marked = await store.commit([
    {
      // Who marks it says it: two rounds at once tell one thing once.
      sql: 'UPDATE secrets SET told_version = ? WHERE key = ? AND told_version IS NOT ?',
      args: [newest.version, keyOf(newest.name), newest.version],
      expect: 1,
    },
  ])
  if (!marked.ok) return
  const { name, version, expiresAt } = newest
  tell({ kind: 'secret-due', time: clock.now(), name, version, why, expires: expiresAt ?? null })
}
