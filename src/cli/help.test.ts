import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { runCommand } from '../../test/run-command.ts'
import { completionScript, helpOf, referencePage, tree } from './index.ts'
import type { CommandSpec } from './spec.ts'

const every = (spec: CommandSpec, path: readonly string[] = []): readonly (readonly [readonly string[], CommandSpec])[] => [
  [path, spec],
  ...(spec.commands ?? []).flatMap((child) => every(child, [...path, child.name])),
]
const commands = every(tree)

test('the help of every command is as it was when last looked at', (t) => {
  // Options of `start` belong to the server and are tested there.
  t.assert.snapshot(commands.map(([path]) => `$ thingwall ${[...path, '--help'].join(' ')}\n${helpOf(tree, path)}`).join('\n\n'))
})

for (const [path, spec] of commands) {
  test(`"${['thingwall', ...path].join(' ')}" has examples that begin with it, and can be run`, () => {
    assert.ok(spec.examples.length > 0)
    const words = ['thingwall', ...(spec.commands ? path.slice(0, 1) : path)].join(' ')
    for (const [line] of spec.examples) assert.ok(line.includes(words), line)
    assert.ok(spec.load !== undefined || spec.commands !== undefined || spec.name === 'help')
  })
}

test('no option takes a secret: what is typed is seen by everyone on the machine', () => {
  const flags = commands.flatMap(([, spec]) => (spec.options ?? []).map((option) => option.flag))
  assert.deepEqual(
    flags.filter((flag) => /password|passphrase$|secret|token|credential|-key$/.test(flag)),
    [],
  )
})

test('every command that reads takes --json', () => {
  const reads = new Set(['ls', 'show', 'certs', 'watch', 'connections', 'explain', 'check', 'doctor', 'audit', 'trust', 'sign-in'])
  const without = commands.filter(
    ([path, spec]) => reads.has(path.at(-1) ?? '') && !spec.options?.some((option) => option.flag === '--json'),
  )
  assert.deepEqual(
    without.map(([path]) => path.join(' ')),
    [],
  )
})

test('help is found by every road, on stdout with exit 0, and half a command gets it on stderr with exit 2', async () => {
  const direct = await runCommand(['device', 'add', '--help'])
  assert.deepEqual(await runCommand(['help', 'device', 'add']), direct)
  assert.deepEqual([direct.code, direct.stderr], [0, ''])
  assert.equal((await runCommand([])).code, 0)
  for (const words of [
    ['help', 'nonsense'],
    ['device', 'nonsense', '--help'],
    ['--data', 'x', 'nonsense', '-h'],
  ]) {
    const { code, stdout, stderr } = await runCommand(words)
    assert.deepEqual([code, stdout], [2, ''])
    assert.match(stderr, /Unknown command 'nonsense'/)
  }
  assert.equal((await runCommand(['--data', 'x', 'device', 'show', 'any', '--help'])).code, 0)
  const half = await runCommand(['device'])
  assert.deepEqual([half.code, half.stdout], [2, ''])
  assert.match(half.stderr, /Usage: thingwall device/)
})

test('docs/cli.md is made from this tree (node scripts/cli-reference.ts)', async () => {
  assert.equal(readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8'), await referencePage(tree))
})

const shells = [
  ['bash', ['-n']],
  ['zsh', ['-n']],
  ['fish', ['--no-execute']],
] as const

for (const [shell, check] of shells) {
  const missing = spawnSync(shell, ['--version']).error !== undefined
  test(`the ${shell} completion is one that ${shell} can read`, { skip: missing && `${shell} is not installed` }, () => {
    // As a file: fish does not read a script from a pipe.
    const file = join(mkdtempSync(join(tmpdir(), 'completion-')), 'script')
    writeFileSync(file, completionScript(shell, tree))
    execFileSync(shell, [...check, file], { stdio: ['ignore', 'ignore', 'pipe'] })
    rmSync(dirname(file), { recursive: true })
  })
}

const typed: readonly (readonly [string, RegExp])[] = [
  ['thingwall ', /^device$/m],
  ['thingwall dev', /^device$/m],
  ['thingwall device a', /^add$/m],
  ['thingwall --data x device ', /^renew$/m],
  ['thingwall device add --o', /^--out$/m],
  ['thingwall watch --', /^--until$/m],
]
for (const [line, wanted] of typed)
  test(`bash completes "${line}"`, () => {
    const words = line.split(' ').map((word) => `'${word}'`)
    const script = `${completionScript('bash', tree)}\nCOMP_WORDS=(${words.join(' ')})\nCOMP_CWORD=${words.length - 1}\n_thingwall\nprintf '%s\\n' "\${COMPREPLY[@]}"`
    assert.match(execFileSync('bash', ['--norc'], { input: script, encoding: 'utf8' }), wanted)
  })
