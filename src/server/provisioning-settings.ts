import { type Static, Type } from 'typebox'
import { type Instant, type Result, instant, ok, refuse } from '#base'
import { isTime } from './authentication-config.ts'

const closed = { additionalProperties: false } as const

/** What stands under `provisioning`. */
export const provisioningSchema = Type.Optional(
  Type.Object(
    {
      symmetricKeysUntil: Type.Optional(
        Type.String({
          minLength: 1,
          maxLength: 64,
          description:
            'Until when devices may register by shared keys, such as `2027-01-31T00:00:00Z`. Without it as long as `authentication.sas.allowedUntil` says, and without that never.',
        }),
      ),
      webhookHosts: Type.Optional(
        Type.Array(Type.String({ minLength: 1, maxLength: 260 }), {
          maxItems: 50,
          description:
            'Hosts whose webhooks enrollments may ask where a device goes, as `host` or `host:port`. No other is asked, whatever an enrollment says.',
        }),
      ),
      region: Type.Optional(
        Type.String({
          minLength: 1,
          maxLength: 128,
          description: 'The region of this hub, for enrollments that allocate by `geoLatency`.',
        }),
      ),
    },
    { ...closed, description: 'Devices that register by themselves (docs/provisioning.md).' },
  ),
)

/** What the settings say of devices that register. */
export type ProvisioningSettings = {
  readonly symmetricKeysUntil: Instant | undefined
  /** Lower case. */
  readonly webhookHosts: readonly string[]
  readonly region: string | undefined
}

const host = /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?$/

/** Reads the group `provisioning`; `sasUntil` is what holds where it names no end of shared keys. Refuses `server/settings-invalid`. */
export function provisioningSettings(
  settings: Static<typeof provisioningSchema> | undefined,
  sasUntil: Instant | undefined,
): Result<ProvisioningSettings> {
  const { symmetricKeysUntil: ended, webhookHosts = [], region } = settings ?? {}
  const no = (place: string, why: string) => refuse('server/settings-invalid', `provisioning.${place} ${why}.`)
  if (ended !== undefined && !isTime(ended)) return no('symmetricKeysUntil', 'must be a time such as 2027-01-31T00:00:00Z')
  const hosts = webhookHosts.map((one) => one.toLowerCase())
  const bad = hosts.find((one) => !host.test(one))
  if (bad !== undefined)
    return no('webhookHosts', `holds ${JSON.stringify(bad)}, which is no host such as where.example or where.example:8443`)
  // A URL never names the port that is the usual one.
  const named = hosts.map((one) => one.replace(/:443$/, ''))
  return ok({ symmetricKeysUntil: ended === undefined ? sasUntil : instant(Date.parse(ended)), webhookHosts: named, region })
}
