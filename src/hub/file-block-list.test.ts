import assert from 'node:assert/strict'
import { test } from 'node:test'
import { maxBlocks, parseBlockId, parseBlockList } from './file-block-list.ts'

const listed = (xml: string) => {
  const result = parseBlockList(xml)
  return result.ok ? result.value : result.error.code
}

for (const [what, xml, ids] of [
  [
    'the list of the stock client',
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?><BlockList><Latest>YQ==</Latest><Latest>Yg==</Latest></BlockList>',
    ['YQ==', 'Yg=='],
  ],
  [
    'one with spaces and another element',
    '\uFEFF<?xml version="1.0"?>\r\n<BlockList>\n  <Uncommitted> YQ== </Uncommitted>\n</BlockList>\n',
    ['YQ=='],
  ],
  ['a block twice', '<BlockList><Latest>YQ==</Latest><Latest>YQ==</Latest></BlockList>', ['YQ==', 'YQ==']],
  ['an empty one', '<BlockList></BlockList>', []],
  ['an empty element', '<?xml version="1.0"?><BlockList />', []],
] as const)
  test(`reads ${what} [azure-wire 3.3]`, () => assert.deepEqual(listed(xml), ids))

for (const [what, xml] of [
  ['nothing', ''],
  ['a document type', '<!DOCTYPE x [<!ENTITY a "YQ==">]><BlockList><Latest>&a;</Latest></BlockList>'],
  ['an entity', '<BlockList><Latest>&#89;Q==</Latest></BlockList>'],
  ['an attribute', '<BlockList a="b"><Latest>YQ==</Latest></BlockList>'],
  ['a comment', '<BlockList><!-- x --><Latest>YQ==</Latest></BlockList>'],
  ['committed blocks', '<BlockList><Committed>YQ==</Committed></BlockList>'],
  ['an element of another name at its end', '<BlockList><Latest>YQ==</Uncommitted></BlockList>'],
  ['an element without an end', '<BlockList><Latest>YQ==</BlockList>'],
  ['nested elements', '<BlockList><Latest><Latest>YQ==</Latest></Latest></BlockList>'],
  ['text between', '<BlockList>x<Latest>YQ==</Latest></BlockList>'],
  ['no base64', '<BlockList><Latest>é</Latest></BlockList>'],
  ['two lists', '<BlockList></BlockList><BlockList></BlockList>'],
  ['a list cut short', '<BlockList><Latest>YQ==</Latest>'],
  ['more blocks than a file has', `<BlockList>${'<Latest>YQ==</Latest>'.repeat(maxBlocks + 1)}</BlockList>`],
  ['a hundred thousand open brackets', '<'.repeat(100_000)],
  ['a million spaces', ' '.repeat(1_000_000)],
] as const)
  test(`refuses ${what}`, () => assert.equal(listed(xml), 'hub/block-list'))

test('a block id is base64 of 1 to 64 bytes, spelt in the one way', () => {
  assert.equal(parseBlockId(Buffer.alloc(64).toString('base64')), Buffer.alloc(64).toString('base64'))
  for (const text of [null, '', '=', 'YQ', 'YR==', 'YQ==\n', 'Y-__', Buffer.alloc(65).toString('base64')])
    assert.equal(parseBlockId(text), undefined, String(text))
})
