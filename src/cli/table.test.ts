import assert from 'node:assert/strict'
import { test } from 'node:test'
import { render, styled } from './line.ts'
import { align, printTable, widthOf } from './table.ts'
import type { Terminal } from './terminal.ts'

function recorder(isPerson: boolean) {
  const lines: string[] = []
  const terminal: Terminal = {
    isPerson,
    columns: 60,
    print: async (line) => void lines.push(render(line, false)),
    printCells: async (cells) => void lines.push(cells.map((cell) => render(cell, false)).join('\t')),
    printJson: async (value) => void lines.push(JSON.stringify(value)),
    say: () => undefined,
    progress: () => ({ at: () => undefined, end: () => undefined }),
    confirm: async () => undefined,
  }
  return { terminal, lines }
}

test('a person gets aligned columns under a header', async () => {
  const { terminal, lines } = recorder(true)
  await printTable(
    terminal,
    ['NAME', 'STATUS'],
    [
      ['pump-1', styled('green', 'enabled')],
      ['a', 'disabled'],
    ],
  )
  assert.deepEqual(lines, ['NAME    STATUS', 'pump-1  enabled', 'a       disabled'])
})

test('a program gets tab-separated lines without a header, whose cells cannot forge others', async () => {
  const { terminal, lines } = recorder(false)
  await printTable(terminal, ['NAME', 'STATUS'], [['pump\t1\nx', 'enabled']])
  assert.deepEqual(lines, ['pump\\t1\\nx\tenabled'])
})

test('wide and combining characters keep the columns straight', () => {
  assert.equal(widthOf('温度'), 4)
  assert.equal(widthOf('e\u0301'), 1)
  const lines = align(
    ['A', 'B'],
    [
      ['温度', 'x'],
      ['abc', 'y'],
    ],
    80,
  ).map((line) => render(line, false))
  assert.deepEqual(lines, ['A     B', '温度  x', 'abc   y'])
})

test('the last column is cut to the width of the terminal, the others never', () => {
  const long = 'x'.repeat(300)
  const [, line = ''] = align(['A', 'B'], [['name', long]], 40).map((entry) => render(entry, false))
  assert.ok(widthOf(line) < 40 && line.endsWith('…'), line)
})
