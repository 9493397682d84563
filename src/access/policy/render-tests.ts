import type { PolicyTest } from './model.ts'

/** Tests as they stand beside `spec` in a document of our group; '' when there are none. */
export function renderTests(tests: readonly PolicyTest[]): string {
  return tests.length === 0 ? '' : `tests:\n${tests.map(renderTest).join('\n')}\n`
}

function renderTest({ name, as, expect, action, topic }: PolicyTest): string {
  const who =
    as.method === 'device'
      ? [`device: ${JSON.stringify(as.username)}`]
      : [`method: ${as.method}`, `username: ${JSON.stringify(as.username)}`]
  const attributes = [...as.attributes].map(([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)}`)
  const parts = [
    ...who,
    `clientId: ${JSON.stringify(as.clientId)}`,
    ...(attributes.length === 0 ? [] : [`attributes: {${attributes.join(', ')}}`]),
  ]
  const on = topic === '' ? '' : `, topic: ${JSON.stringify(topic)}`
  return `  - {name: ${JSON.stringify(name)}, as: {${parts.join(', ')}}, ${expect}: ${action}${on}}`
}
