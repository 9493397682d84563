import { type Result, ok } from '#base'
import { added } from '../api.ts'
import { ask } from '../ask.ts'
import type { Context } from '../context.ts'
import { type Outcome, type Problem, done, exit, stop } from '../exit.ts'
import { type Given, isSet, text, wholeNumber } from '../given.ts'
import { devicePath } from '../hub.ts'
import { styled } from '../line.ts'
import type { Run } from '../spec.ts'
import { type DemoDevice, loadSdk, runFleet } from './fleet.io.ts'
import { remember, remembered } from './remember.io.ts'

/** `demo`: a fleet of real SDK devices that speak until Ctrl-C; with --remove, takes away every device that a demo made. */
export const demo: Run = async (context, given) => (isSet(given, '--remove') ? removeFleet(context) : startFleet(context, given))

async function startFleet(context: Context, given: Given): Promise<Outcome> {
  const count = wholeNumber(given, '--devices', 1, 200)
  const seconds = wholeNumber(given, '--seconds', 1, 31_536_000)
  const every = wholeNumber(given, '--every', 50, 3_600_000)
  if (!count.ok) return count
  if (!seconds.ok) return seconds
  if (!every.ok) return every
  const sdk = await loadSdk()
  if (!sdk.ok) return sdk
  const fleet = await makeFleet(context, text(given, '--prefix') ?? 'demo-', count.value ?? 5)
  if (!fleet.ok) return fleet
  const { terminal } = context
  terminal.say([styled('green', `${fleet.value.length} devices`), ' connect with certificates of their own and speak until Ctrl-C.'])
  terminal.say([styled('dim', 'in another terminal:  '), 'thingwall watch'])
  const first = fleet.value[0]?.name ?? ''
  terminal.say([styled('dim', 'manage one:           '), `thingwall twin set ${first} desired.everyMs=200`])
  terminal.say([styled('dim', 'or ask it something:  '), `thingwall method call ${first} echo '{"hello": 1}'`])
  terminal.say([styled('dim', 'take them all away:   '), 'thingwall demo --remove'])
  const progress = terminal.progress('acknowledged')
  const forMs = seconds.value === undefined ? undefined : seconds.value * 1000
  let troubled = 0
  const acknowledged = await runFleet(
    sdk.value,
    fleet.value,
    {
      everyMs: every.value ?? 1000,
      forMs,
      sent: (total) => progress.at(total, undefined),
      trouble(device, why) {
        troubled++
        progress.end()
        terminal.say([styled('yellow', device), `: ${why}`])
      },
    },
    context.signal,
  )
  progress.end()
  terminal.say(`${acknowledged} messages acknowledged, each on disk before its acknowledgement.`)
  return troubled === fleet.value.length
    ? stop(exit.failed, 'No device of the demo could speak.', 'each said above why.', 'run "thingwall doctor".')
    : done
}

async function makeFleet(context: Context, prefix: string, count: number): Promise<Result<readonly DemoDevice[], Problem>> {
  const known = new Set(remembered(context.data))
  const fleet: DemoDevice[] = []
  for (let i = 1; i <= count; i++) {
    const name = `${prefix}${String(i).padStart(2, '0')}`
    const device = known.has(name) ? await replaceDevice(context, name, known) : await makeDevice(context, name, known)
    if (!device.ok) return device
    fleet.push(device.value)
  }
  return ok(fleet)
}

async function makeDevice(context: Context, name: string, known: Set<string>): Promise<Result<DemoDevice, Problem>> {
  const answer = await ask(
    context,
    { method: 'POST', path: '/api/v1/devices', body: { id: name }, failure: `Device ${name} was not added.` },
    added,
  )
  if (!answer.ok) {
    if (answer.error.exit !== exit.conflict) return answer
    return stop(
      exit.conflict,
      `Device ${name} exists, and no demo made it.`,
      'the demo touches nothing but its own devices.',
      'give another --prefix, for example --prefix show-',
    )
  }
  known.add(name)
  remember(context.data, [...known])
  const { certificatePem, privateKeyPem, rootPem, connection } = answer.value.value
  if (certificatePem === undefined || privateKeyPem === undefined)
    return stop(exit.failed, `The hub issued no certificate for ${name}.`, undefined, 'run the command of the same release as the hub.')
  return ok({ name, cert: certificatePem, key: privateKeyPem, rootPem, endpoint: connection })
}

/** A device of an earlier demo: its key is gone with that demo, so it is made anew, with nothing left of the old one. */
async function replaceDevice(context: Context, name: string, known: Set<string>): Promise<Result<DemoDevice, Problem>> {
  const removed = await removeDevice(context, name)
  return removed.ok ? makeDevice(context, name, known) : removed
}

async function removeDevice(context: Context, name: string): Promise<Result<void, Problem>> {
  const answer = await ask(
    context,
    { method: 'DELETE', path: devicePath(name), failure: `Device ${name} was not deleted.` },
    (value) => value,
  )
  return answer.ok || answer.error.exit === exit.notFound ? ok(undefined) : answer
}

async function removeFleet(context: Context): Promise<Outcome> {
  const names = remembered(context.data)
  let left = [...names]
  for (const name of names) {
    const removed = await removeDevice(context, name)
    if (!removed.ok) return removed
    left = left.filter((other) => other !== name)
    remember(context.data, left)
  }
  context.terminal.say(
    names.length === 0 ? 'No demo has left devices here.' : [styled('green', `removed ${names.length} devices`), `: ${names.join(', ')}`],
  )
  return done
}
