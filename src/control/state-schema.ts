import { type Static, Type } from 'typebox'
import { type DeviceId, type Grant, type Instant, type Result, isoTime } from '#base'
import { closed, count, orNull, text, timeOrNull } from './hub-schema.ts'
import type { ControlPorts } from './ports.ts'

/** What the hub knows of a device besides its registration. `twin` is null for who may not read twins. */
export const deviceState = Type.Object(
  {
    connectionState: Type.Enum(['Connected', 'Disconnected']),
    connectionStateAt: timeOrNull,
    lastActivityAt: timeOrNull,
    waitingMessages: count,
    modules: count,
    twin: orNull(Type.Object({ version: count, desiredVersion: count, reportedVersion: count, etag: text, modelId: text }, closed)),
  },
  { ...closed, title: 'DeviceState' },
)

/** The state of a registered device. */
export async function deviceStateOf(
  { hub }: Pick<ControlPorts, 'hub'>,
  id: DeviceId,
  mayRead: Result<Grant<'twin.read'>>,
): Promise<Static<typeof deviceState>> {
  const { connectionState, connectionStateUpdatedTime, lastActivityTime } = hub.presence.of(id)
  const twin = mayRead.ok ? await hub.twins.get(id) : undefined
  return {
    connectionState,
    connectionStateAt: timeText(connectionStateUpdatedTime),
    lastActivityAt: timeText(lastActivityTime),
    waitingMessages: hub.messages.count(id),
    modules: hub.modules.of(id).length,
    twin:
      twin === undefined
        ? null
        : {
            version: twin.version,
            desiredVersion: twin.desired.version,
            reportedVersion: twin.reported.version,
            etag: twin.etag,
            modelId: twin.modelId,
          },
  }
}

function timeText(at: Instant | null): string | null {
  return at === null ? null : isoTime(at)
}
