import { parseDeviceId, parseModuleId } from '#base'
import type { Fields } from '../documents/fields.ts'
import type { IdentityMethod, PolicyAction, PolicyTest, TestIdentity } from './model.ts'
import { hubAttributePrefix } from './principal-view.ts'

const actions: readonly PolicyAction[] = ['connect', 'publish', 'subscribe', 'receive']
const maxTests = 1_000

/**
 * Reads the `tests` of `where`. A test says who (`as: {device: pump-1}`, or username, clientId and attributes of another method), `allow` or
 * `deny` with an action, and the topic. Its id is `document/tests[0]`.
 */
export function readTests(document: string, where: Fields): readonly PolicyTest[] {
  const tests = where.objects('tests')
  if (tests.length > maxTests) where.wrong('tests', 'too-many', `A document has at most ${maxTests} tests.`)
  return tests.slice(0, maxTests).flatMap((test, index) => {
    test.only('name', 'as', 'allow', 'deny', 'topic')
    test.required('as')
    const allow = test.word('allow', ...actions)
    const deny = test.word('deny', ...actions)
    if (test.has('allow') === test.has('deny')) test.wrong('', 'allow-or-deny', 'A test says either allow or deny, with an action.')
    const action = allow ?? deny
    const topic = test.text('topic') ?? ''
    if (action !== undefined && (action === 'connect') === (topic !== ''))
      test.wrong(
        'topic',
        action === 'connect' ? 'topics-on-connect' : 'topics-missing',
        `To ${action} ${action === 'connect' ? 'needs no topic' : 'needs a topic'}.`,
      )
    const who = test.object('as')
    const as = who === undefined ? undefined : readIdentity(who)
    if (action === undefined || as === undefined) return []
    const name = test.text('name') ?? `${allow === undefined ? 'deny' : 'allow'} ${as.username} ${action} ${topic}`.trim()
    return [{ id: `${document}/tests[${index}]`, name, as, expect: allow === undefined ? 'deny' : 'allow', action, topic } as const]
  })
}

function readIdentity(who: Fields): TestIdentity | undefined {
  who.only('device', 'module', 'method', 'username', 'clientId', 'attributes')
  const attributes = who.object('attributes')
  const pairs = attributes?.textMap() ?? new Map<string, string>()
  for (const name of pairs.keys())
    if (name.startsWith(hubAttributePrefix))
      attributes?.wrong(
        name,
        'attribute-reserved',
        `Attributes that begin with ${hubAttributePrefix} are the hub's to say; write device or method.`,
      )
  const device = who.text('device')
  if (device !== undefined) {
    if (who.has('username') || who.has('method')) who.wrong('', 'device-or-username', 'A registered device is named by device alone.')
    if (!parseDeviceId(device).ok) who.wrong('device', 'bad-name', 'This is not the id of a device.')
    const module = who.text('module')
    if (module !== undefined) {
      if (!parseModuleId(module).ok) who.wrong('module', 'bad-name', 'This is not the id of a module.')
      const username = `${device}/${module}`
      return { method: 'module', username, clientId: who.text('clientId') ?? username, attributes: pairs }
    }
    return { method: 'device', username: device, clientId: who.text('clientId') ?? device, attributes: pairs }
  }
  if (who.has('module')) who.wrong('module', 'device-missing', 'A module is named together with its device.')
  const method: IdentityMethod = who.word('method', 'x509', 'sat', 'custom') ?? 'custom'
  const username = who.requiredText('username')
  if (username === undefined) return undefined
  return { method, username, clientId: who.text('clientId') ?? username, attributes: pairs }
}
