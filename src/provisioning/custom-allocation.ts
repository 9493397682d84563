import { type Refusal, type Result, ok, refuse } from '#base'
import { type Json, parseJson } from '#wire/json'
import { type Allocation, hubsOf } from './allocation.ts'
import type { Proof } from './authentication.ts'
import { enrollmentJson, isObject, member, readInitialTwin } from './enrollment-json.ts'
import type { JsonObject } from './enrollment.ts'
import { provisioningLimits } from './limits.ts'
import type { LinkedHub, PostWebhook, ProvisioningConfig } from './ports.ts'
import type { Registration } from './registration.ts'

/** What the webhook is asked with. */
export type CustomQuestion = {
  readonly proof: Proof
  readonly before: Registration | undefined
  readonly payload: Json | undefined
  /** What is told of the proof. */
  readonly shown: JsonObject
}

/** Versions of the interface that say nothing of payloads. */
const withoutPayload: ReadonlySet<string> = new Set(['2018-09-01-preview', '2018-11-01'])

/**
 * Asks the webhook of an enrollment where a device goes (azure-wire 7.5). Its host must be in the operator's list; keys are never sent. Refuses
 * `provisioning/webhook-failed` whatever went wrong, and for an answer that names a hub that is not linked.
 */
export async function allocateByWebhook(
  { proof, before, payload, shown }: CustomQuestion,
  linked: readonly LinkedHub[],
  config: Pick<ProvisioningConfig, 'webhookHosts'>,
  post: PostWebhook | undefined,
): Promise<Result<Allocation>> {
  const { enrollment } = proof
  const { custom } = enrollment
  if (custom === undefined || post === undefined) return failed('no webhook')
  const url = new URL(custom.webhookUrl)
  if (!config.webhookHosts.includes(url.host.toLowerCase())) return failed('the host is not in provisioning.webhookHosts')
  const allowed = hubsOf(enrollment, linked)
  const speaksPayload = !withoutPayload.has(custom.apiVersion)
  const question = {
    [enrollment.kind === 'individual' ? 'individualEnrollment' : 'enrollmentGroup']: enrollmentJson(enrollment, { for: 'showing' }),
    deviceRuntimeContext: {
      registrationId: proof.registrationId,
      ...(before?.hub === undefined ? {} : { currentIotHubHostName: before.hub }),
      ...(before?.deviceId === undefined ? {} : { currentDeviceId: before.deviceId }),
      ...shown,
      ...(speaksPayload && payload !== undefined ? { payload } : {}),
    },
    linkedHubs: allowed.map((hub) => hub.hostName),
  }
  const answer = await post(url, JSON.stringify(question))
  if (answer === undefined) return failed('no answer')
  if (answer.status !== 200) return failed(String(answer.status))
  const json = parseJson(answer.body.toString('utf8'), provisioningLimits.webhookBytes)
  if (!json.ok || !isObject(json.value)) return failed('the answer is no JSON')
  const name = member(json.value, 'iotHubHostName')
  const hub = typeof name === 'string' ? allowed.find((one) => one.hostName.toLowerCase() === name.toLowerCase()) : undefined
  if (hub === undefined) return failed('the answer names a hub that is not linked')
  const initialTwin = readInitialTwin(member(json.value, 'initialTwin'))
  if (!initialTwin.ok) return failed('the initial twin is none')
  const said = speaksPayload ? member(json.value, 'payload') : undefined
  if (said !== undefined && Buffer.byteLength(JSON.stringify(said)) > provisioningLimits.payloadBytes)
    return failed('the payload is too large')
  return ok({ hub, initialTwin: initialTwin.value, payload: said })
}

/** The words of the modelled service (azure-wire 7.5); only a number or a few words of ours stand in it. */
function failed(why: string): { readonly ok: false; readonly error: Refusal } {
  return refuse('provisioning/webhook-failed', `Custom allocation failed with status code: ${why}`)
}
