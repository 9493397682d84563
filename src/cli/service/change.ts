import { type Result, ok } from '#base'
import { hubState } from '../api.ts'
import { ask } from '../ask.ts'
import type { Context } from '../context.ts'
import { checkRoom, devicePaths, makeDirectory, readGiven, writeKey, writeRoot } from '../device/files.io.ts'
import { type Outcome, type Problem, done, exit, stop } from '../exit.ts'
import { type Given, isSet, position, text, texts } from '../given.ts'
import { styled } from '../line.ts'
import { anything } from '../shape.ts'
import type { Run } from '../spec.ts'
import { type ServiceKey, makeServiceKey, readPublicKey } from './key.ts'
import { servicePath } from './read.ts'
import { newPolicy, service } from './shapes.ts'
import { callerSnippet } from './snippet.ts'
import { readRights, readUntil, roleWords } from './words.ts'

/** `service add`: registers a back end; its private key is made here and goes into a file, or stays where it is with --public. */
export const serviceAdd: Run = async (context, given) => {
  const name = position(given, 0)
  const until = readUntil(given)
  if (!until.ok) return until
  const roles = [...new Set(texts(given, '--role'))].map((word) => roleWords.get(word) ?? word)
  if (roles.length === 0)
    return stop(exit.usage, 'No role was given.', `they are ${[...roleWords.keys()].join(', ')}.`, 'give for example --role data-reader.')
  const key = readKey(given)
  if (!key.ok) return key
  const hub = await ask(context, { method: 'GET', path: '/api/v1/hub', failure: `Service ${name} was not registered.` }, hubState)
  if (!hub.ok) return hub
  const out = text(given, '--out') ?? '.'
  const force = isSet(given, '--force')
  const paths = devicePaths(out, name)
  const room = checkRoom(key.value.privatePem === undefined ? [] : [paths.key], force)
  if (!room.ok) return room
  const body = { name, roles, publicKey: key.value.publicKey, until: until.value }
  const failure = `Service ${name} was not registered.`
  const answer = await ask(context, { method: 'POST', path: '/api/v1/services', body, failure }, service)
  if (!answer.ok) return answer
  const files = await writeFiles(context, key.value, out, paths, force)
  if (!files.ok) return files
  if (isSet(given, '--json')) {
    await context.terminal.printJson({ service: answer.value.raw, files: files.value }, 2)
    return done
  }
  context.terminal.say([styled('green', 'registered '), styled('bold', name), ` until ${answer.value.value.until}`])
  for (const [what, path] of Object.entries(files.value)) if (path !== undefined) context.terminal.say(`  ${what.padEnd(12)} ${path}`)
  context.terminal.say('')
  context.terminal.say(styled('dim', 'Node.js (npm install azure-iothub)'))
  const facts = {
    name,
    host: hub.value.value.hostNames[0] ?? 'localhost',
    key: files.value.privateKey ?? 'private-key.pem',
    root: paths.root,
  }
  for (const line of callerSnippet(facts).split('\n')) await context.terminal.print(line)
  return done
}

/** `service rm`: ends a back end. */
export const serviceRm: Run = async (context, given) => remove(context, given, servicePath(position(given, 0)), 'Service')

/** `service policy add`: makes a shared access policy and writes its connection strings into a file that only its owner can read. */
export const servicePolicyAdd: Run = async (context, given) => {
  const name = position(given, 0)
  const until = readUntil(given)
  if (!until.ok) return until
  const rights = readRights(given)
  if (!rights.ok) return rights
  const out = text(given, '--out') ?? '.'
  const force = isSet(given, '--force')
  const path = devicePaths(out, name).key.replace(/\.key\.pem$/, '.connection.txt')
  const room = checkRoom([path], force)
  if (!room.ok) return room
  const failure = `Shared access policy ${name} was not made.`
  const body = { name, rights: rights.value, until: until.value }
  const answer = await ask(context, { method: 'POST', path: '/api/v1/shared-access-policies', body, failure }, newPolicy)
  if (!answer.ok) return answer
  const { policy, connectionString, eventHubsConnectionString: events } = answer.value.value
  const made = makeDirectory(out)
  if (!made.ok) return made
  writeKey(path, `${connectionString}\n${events === undefined ? '' : `${events}\n`}`, force)
  if (isSet(given, '--json')) {
    await context.terminal.printJson({ policy, files: { connectionStrings: path } }, 2)
    return done
  }
  context.terminal.say([styled('green', 'made '), styled('bold', name), ` until ${policy.until}`])
  context.terminal.say(`  its connection strings, which nothing shows again: ${path}`)
  context.terminal.say('  Whoever has one is this back end. Register it as a service as soon as it can sign: thingwall service add.')
  return done
}

/** `service policy rm`: ends a shared access policy. */
export const servicePolicyRm: Run = async (context, given) =>
  remove(context, given, `/api/v1/shared-access-policies/${encodeURIComponent(position(given, 0))}`, 'Shared access policy')

async function remove(context: Context, given: Given, path: string, what: string): Promise<Outcome> {
  const name = position(given, 0)
  const answer = await ask(context, { method: 'DELETE', path, failure: `${what} ${name} was not ended.` }, anything)
  if (!answer.ok) return answer
  await context.terminal.print([styled('green', 'ended'), ' ', styled('bold', name)])
  return done
}

function readKey(given: Given): Result<ServiceKey, Problem> {
  const path = text(given, '--public')
  if (path === undefined) return ok(makeServiceKey())
  const content = readGiven(path, 'public key')
  return content.ok ? readPublicKey(content.value, path) : content
}

type Files = { readonly privateKey: string | undefined; readonly root: string }

async function writeFiles(
  context: Context,
  { privatePem }: ServiceKey,
  out: string,
  paths: { readonly key: string; readonly root: string },
  force: boolean,
): Promise<Result<Files, Problem>> {
  const made = makeDirectory(out)
  if (!made.ok) return made
  // The key first: of all that could fail to be written, only it cannot be had again.
  if (privatePem !== undefined) writeKey(paths.key, privatePem, force)
  const hub = context.hub()
  if (!hub.ok) return hub
  const root = writeRoot(paths.root, hub.value.rootPem, force)
  return root.ok ? ok({ privateKey: privatePem === undefined ? undefined : paths.key, root: paths.root }) : root
}
