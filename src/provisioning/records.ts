import { type DeviceId, type Grant, type Result, ok, refuse } from '#base'
import { unquoted } from './enrollment-json.ts'
import { type QueryPage, type QueryRequest, runQuery } from './enrollment-query.ts'
import { actorOf } from './enrollments.ts'
import type { ProvisioningPorts } from './ports.ts'
import { type Registration, registrationJson, registrationOf } from './registration.ts'
import { type IdKey, parseIdKey } from './registration-id.ts'

/** Registration records: what became of devices that registered (azure-wire 7.1). */
export interface Records {
  /** Refuses `provisioning/registration-not-found`. */
  find(grant: Grant<'registration.read'>, id: string): Promise<Result<Registration>>
  /**
   * Forgets a registration; the device stays on its hub. If it registers again it must prove itself by what its hub knows it by. Refuses
   * `provisioning/registration-not-found`, `provisioning/etag-differs`.
   */
  remove(grant: Grant<'registration.write'>, id: string, ifMatch: string | undefined): Promise<Result<void>>
  /** A page of records, of one enrollment group or of all. */
  query(grant: Grant<'registration.read'>, group: string | undefined, request: QueryRequest): Promise<Result<QueryPage>>
  /** Devices that registered through an enrollment group, in the order of their registrations, `limit` at most. */
  devicesOf(grant: Grant<'registration.read'>, group: string, limit: number): Promise<Result<readonly DeviceId[]>>
  /** For this room: the record of a registration. */
  current(key: IdKey): Promise<Registration | undefined>
}

/** Opens {@link Records} on their rows. */
export function openRecords({ store, commit, clock, tell }: ProvisioningPorts): Records {
  const current = async (key: IdKey): Promise<Registration | undefined> => {
    const [row] = await store.query('SELECT * FROM registrations WHERE id = ?', key)
    return row === undefined ? undefined : registrationOf(row)
  }
  const named = async (id: string): Promise<Result<Registration>> => {
    const key = parseIdKey(id)
    if (!key.ok) return key
    const found = await current(key.value)
    return found === undefined ? refuse('provisioning/registration-not-found', `Nothing was registered as ${id}.`) : ok(found)
  }
  return {
    current,
    find: (_grant, id) => named(id),
    async remove(grant, id, ifMatch) {
      const found = await named(id)
      if (!found.ok) return found
      const { key, etag, registrationId } = found.value
      const wanted = unquoted(ifMatch)
      const differs = refuse('provisioning/etag-differs', 'It has been changed since: its etag is another one.')
      if (wanted !== undefined && wanted !== etag) return differs
      const deletion = { sql: 'DELETE FROM registrations WHERE id = ? AND etag = ?', args: [key, etag], expect: 1 }
      const outcome = await commit(grant, { action: 'registration.delete', resource: `registration:${registrationId}` }, [deletion])
      if (!outcome.ok) return differs
      tell({ kind: 'registration-deleted', time: clock.now(), actor: actorOf(grant), registration: registrationId })
      return ok(undefined)
    },
    async devicesOf(_grant, group, limit) {
      const key = parseIdKey(group)
      if (!key.ok) return key
      const rows = await store.query(
        "SELECT * FROM registrations WHERE enrollment_kind = 'group' AND enrollment_key = ? AND device_id IS NOT NULL ORDER BY id LIMIT ?",
        key.value,
        limit,
      )
      return ok([...new Set(rows.flatMap((row) => registrationOf(row).deviceId ?? []))])
    },
    async query(_grant, group, request) {
      const key = group === undefined ? undefined : parseIdKey(group)
      if (key?.ok === false) return key
      return await runQuery('registrations', request, async (after, limit) => {
        const rows =
          key === undefined
            ? await store.query('SELECT * FROM registrations WHERE id > ? ORDER BY id LIMIT ?', after, limit)
            : await store.query(
                "SELECT * FROM registrations WHERE enrollment_kind = 'group' AND enrollment_key = ? AND id > ? ORDER BY id LIMIT ?",
                key.value,
                after,
                limit,
              )
        return rows.map((row) => {
          const record = registrationOf(row)
          return { key: record.key, json: registrationJson(record, false) }
        })
      })
    },
  }
}
