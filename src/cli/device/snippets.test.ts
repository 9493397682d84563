import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { sdks } from './options.ts'
import { snippet } from './snippets.ts'

const facts = (device: string, mqttPort = 8883) => ({
  device,
  endpoint: { host: 'hub.example', mqttPort, httpsPort: 443, connectionString: undefined },
  cert: `/keys of $(id)/it's "${device}".cert.pem`,
  key: `/keys/${device}.key.pem`,
  root: '/keys/root.pem',
})

// Every character that a device name may hold.
const hostile = "a-.%_*?!(),:=@'$b"

test('every SDK that can be asked for has a program that names device, host and files', () => {
  for (const sdk of sdks) {
    const text = snippet(sdk, facts('pump-1'))?.text ?? ''
    for (const part of ['pump-1', 'hub.example', '/keys/pump-1.key.pem']) assert.ok(text.includes(part), `${sdk}: ${part}`)
  }
  assert.equal(snippet('cobol', facts('pump-1')), undefined)
  assert.equal(snippet('constructor', facts('pump-1')), undefined)
})

test('another port than 8883 is told: in the name where the SDK takes it there, else in a comment', () => {
  assert.match(snippet('node', facts('p', 18883))?.text ?? '', /HostName=hub.example:18883;/)
  assert.match(snippet('mosquitto', facts('p', 18883))?.text ?? '', /-p 18883/)
  for (const sdk of ['python', 'csharp', 'java', 'c'])
    assert.match(snippet(sdk, facts('p', 18883))?.text ?? '', /always uses port 8883.*18883/)
})

test('the Node.js program is JavaScript whatever the device is called', () => {
  const ran = spawnSync(process.execPath, ['--input-type=module', '--check'], {
    input: snippet('node', facts(hostile))?.text ?? '',
    encoding: 'utf8',
  })
  assert.equal(ran.status, 0, ran.stderr)
})

test('a shell reads the mosquitto line as the words that were meant, and runs nothing in them', () => {
  const line = snippet('mosquitto', facts(hostile))?.text ?? ''
  const words = execFileSync('bash', ['--norc', '-c', `mosquitto_pub() { printf '%s\\n' "$@"; }\n${line}`], { encoding: 'utf8' }).split(
    '\n',
  )
  assert.equal(words[words.indexOf('-i') + 1], hostile)
  assert.equal(words[words.indexOf('--cert') + 1], facts(hostile).cert)
  assert.equal(words[words.indexOf('-t') + 1], `devices/${hostile}/messages/events/`)
})

test(
  'the Python program is Python whatever the device is called',
  { skip: spawnSync('python3', ['--version']).error && 'no python3' },
  () => {
    execFileSync('python3', ['-c', 'import ast, sys; ast.parse(sys.stdin.read())'], {
      input: snippet('python', facts(hostile))?.text ?? '',
    })
  },
)
