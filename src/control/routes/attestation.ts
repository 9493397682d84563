import { Type } from 'typebox'
import { ok, parseDeviceId } from '#base'
import { decodePem } from '#wire/x509'
import {
  attestationPolicy,
  attestationPolicyInput,
  attestationPolicyView,
  attestedDevice,
  attestedDeviceView,
  expectationInput,
} from '../attestation-schema.ts'
import { type Route, bare, route } from '../route.ts'
import { devicePath } from '../schema.ts'
import type { Parts } from './parts.ts'

const closed = { additionalProperties: false } as const
const policyPath = Type.Object({ name: Type.String({ minLength: 1, maxLength: 64 }) }, closed)

/** What is demanded of TPMs, and which device has which. */
export function attestationRoutes({ ports }: Parts): readonly Route[] {
  const { attestation, clock } = ports
  return [
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/attestation/policies',
      summary: 'Every attestation policy.',
      access: { grants: ['enrollment.read'] },
      resource: () => 'attestation-policies',
      answer: {
        status: 200,
        is: Type.Object({ policies: Type.Array(attestationPolicy) }, { ...closed, title: 'AttestationPolicies' }),
        description: 'By name.',
      },
      handle: async (call) => ok({ policies: (await attestation.policies(call.grant('enrollment.read'))).map(attestationPolicyView) }),
    }),
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/attestation/policies',
      summary: 'Adds an attestation policy: registers as they must be, and manufacturers whose TPMs are taken.',
      access: { grants: ['enrollment.write'] },
      resource: () => 'attestation-policies',
      body: attestationPolicyInput,
      answer: { status: 201, is: attestationPolicy, description: 'Added.' },
      async handle(call) {
        const { name, registers = [], rootsPem } = call.body
        const roots = rootsPem === undefined ? ok([]) : decodePem('CERTIFICATE', rootsPem)
        if (!roots.ok) return roots
        const values = new Map(registers.map(({ register, sha256 }) => [register, Buffer.from(sha256, 'hex')]))
        const spec = { name, registers: values, roots: roots.value }
        const added = await attestation.addPolicy(call.grant('enrollment.write'), spec)
        return added.ok ? ok(attestationPolicyView({ ...spec, createdAt: clock.now() })) : added
      },
    }),
    route({
      ...bare,
      method: 'DELETE',
      path: '/api/v1/attestation/policies/{name}',
      summary: 'Removes an attestation policy that no device is held to.',
      access: { grants: ['enrollment.write'] },
      resource: ({ name }) => `attestation-policy:${name}`,
      params: policyPath,
      answer: { status: 204, is: Type.Null(), description: 'Removed.' },
      async handle(call) {
        const removed = await attestation.removePolicy(call.grant('enrollment.write'), call.params.name)
        return removed.ok ? ok(null) : removed
      },
    }),
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/attestation/devices',
      summary: 'The devices that are expected with a TPM, and what it has proven.',
      access: { grants: ['enrollment.read'] },
      resource: () => 'attested-devices',
      answer: {
        status: 200,
        is: Type.Object({ devices: Type.Array(attestedDevice) }, { ...closed, title: 'AttestedDevices' }),
        description: 'By id, at most 10,000.',
      },
      async handle(call) {
        const devices = await attestation.devices(call.grant('enrollment.read'))
        return ok({ devices: devices.map((one) => attestedDeviceView(one, clock.now())) })
      },
    }),
    route({
      ...bare,
      method: 'PUT',
      path: '/api/v1/attestation/devices/{id}',
      summary: 'Expects a device with this endorsement key. What was proven or suspected before is forgotten.',
      access: { grants: ['enrollment.write'] },
      resource: ({ id }) => `device:${id}`,
      params: devicePath,
      body: expectationInput,
      answer: { status: 204, is: Type.Null(), description: 'Expected.' },
      async handle(call) {
        const id = parseDeviceId(call.params.id)
        if (!id.ok) return id
        const key = Buffer.from(call.body.endorsementKey, 'base64')
        const done = await attestation.expect(call.grant('enrollment.write'), id.value, key, call.body.policy)
        return done.ok ? ok(null) : done
      },
    }),
    route({
      ...bare,
      method: 'DELETE',
      path: '/api/v1/attestation/devices/{id}',
      summary: 'Expects no TPM of a device any more.',
      access: { grants: ['enrollment.write'] },
      resource: ({ id }) => `device:${id}`,
      params: devicePath,
      answer: { status: 204, is: Type.Null(), description: 'Forgotten.' },
      async handle(call) {
        const id = parseDeviceId(call.params.id)
        if (!id.ok) return id
        const gone = await attestation.forget(call.grant('enrollment.write'), id.value)
        return gone.ok ? ok(null) : gone
      },
    }),
  ]
}
