import { ask } from '../ask.ts'
import { done, exit, stop } from '../exit.ts'
import { isSet, position, text } from '../given.ts'
import { readInput } from '../input.io.ts'
import { type Piece, styled } from '../line.ts'
import { anything, list, object } from '../shape.ts'
import type { Run } from '../spec.ts'
import { printTable } from '../table.ts'
import { type Attested, attested } from './shape.ts'

const devices = object({ devices: list(attested) })
const pathOf = (device: string) => `/api/v1/attestation/devices/${encodeURIComponent(device)}`

/** `attestation expect`: says which TPM a device has. */
export const expectDevice: Run = async (context, given) => {
  const device = position(given, 0)
  const file = text(given, '--ek')
  if (file === undefined)
    return stop(exit.usage, 'No endorsement key was given.', 'the hub takes no TPM that it was not told of.', 'say --ek FILE.')
  const key = readInput(file, 'endorsement key')
  if (!key.ok) return key
  const policy = text(given, '--policy')
  const body = { endorsementKey: key.value.toString('base64'), ...(policy === undefined ? {} : { policy }) }
  const answer = await ask(
    context,
    { method: 'PUT', path: pathOf(device), body, failure: `The TPM of ${device} was not entered.` },
    anything,
  )
  if (!answer.ok) return answer
  await context.terminal.print([styled('green', 'expected'), ' ', styled('bold', device)])
  return done
}

/** `attestation forget`. */
export const forgetDevice: Run = async (context, given) => {
  const device = position(given, 0)
  const answer = await ask(
    context,
    { method: 'DELETE', path: pathOf(device), failure: `The TPM of ${device} was not forgotten.` },
    anything,
  )
  if (!answer.ok) return answer
  await context.terminal.print([styled('green', 'forgotten'), ' ', styled('bold', device)])
  return done
}

/** `attestation ls`: devices with a TPM, and what it has proven. */
export const listDevices: Run = async (context, given) => {
  const request = { method: 'GET', path: '/api/v1/attestation/devices', failure: 'The devices were not listed.' } as const
  const answer = await ask(context, request, devices)
  if (!answer.ok) return answer
  if (isSet(given, '--json')) await context.terminal.printJson(answer.value.raw, 2)
  else {
    const rows = answer.value.value.devices.map((one) => [
      styled('bold', one.device),
      statePiece(one),
      one.policy ?? '-',
      one.evidence?.quotedAt ?? '-',
      one.endorsementKey.slice(0, 20),
    ])
    await printTable(context.terminal, ['DEVICE', 'STATE', 'POLICY', 'QUOTED', 'ENDORSEMENT KEY'], rows)
  }
  return done
}

function statePiece({ state }: Attested): Piece {
  return styled(state === 'attested' ? 'green' : state === 'clone-suspected' ? 'red' : 'yellow', state)
}
