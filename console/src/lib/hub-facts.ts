import type { Fact } from '../api/types.ts'
import { bytes, milliseconds, plural } from './format.ts'
import { isObject } from './json-text.ts'
import { changesBetween, pathText } from './twin-diff.ts'

/* What is said of twins, modules, messages, methods, files, jobs, configurations and routes. */

/** Changes of a twin named in one line. */
const namedChanges = 4

function word(fact: Fact, name: string): string {
  const value = fact[name]
  if (value === undefined || value === null) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}

const by = (fact: Fact): string => (word(fact, 'actor') === '' ? '' : `by ${word(fact, 'actor')}`)
const number = (fact: Fact, name: string): number => Number(fact[name] ?? 0)
const tries = (fact: Fact): string =>
  number(fact, 'deliveryCount') === 0 ? '' : `after ${plural(number(fact, 'deliveryCount'), 'try', 'tries')} in vain`
const took = (fact: Fact): string => `in ${milliseconds(number(fact, 'durationMs'))} ms`

/** A message by the name that its sender gave it, else by its number. */
const message = (fact: Fact): string =>
  word(fact, 'messageId') === '' ? `message ${word(fact, 'sequenceNumber')}` : `message ${word(fact, 'messageId')}`

/** A merge patch in one line: `desired.interval 10, tags.site deleted, and 3 more`. */
function patchText(part: string, patch: unknown): string {
  if (!isObject(patch)) return ''
  const gone = (of: object, path: readonly string[]): readonly string[] =>
    Object.entries(of).flatMap(([name, value]) =>
      value === null ? [`${pathText([...path, name])} deleted`] : isObject(value) ? gone(value, [...path, name]) : [],
    )
  const set = changesBetween({}, patch, part === '' ? [] : [part]).map(({ path, after }) => `${pathText(path)} ${JSON.stringify(after)}`)
  const all = [...set, ...gone(patch, part === '' ? [] : [part])]
  return all.length <= namedChanges ? all.join(', ') : `${all.slice(0, namedChanges).join(', ')}, and ${all.length - namedChanges} more`
}

function cause(fact: Fact): string {
  const of = fact['cause']
  return isObject(of) ? `${String(of['kind'])} ${String(of['id'])}` : ''
}

function statuses(fact: Fact): string {
  const of = fact['configurations']
  if (!isObject(of)) return ''
  return Object.entries(of)
    .map(([id, status]) =>
      status === null
        ? `no longer of configuration ${id}`
        : `configuration ${id} ${typeof status === 'string' ? status.toLowerCase() : ''}`,
    )
    .join(', ')
}

const egress = (fact: Fact): string => `endpoint ${word(fact, 'endpoint')}`

const trimmed = (fact: Fact): string => (fact['trimmed'] === undefined ? '' : `${number(fact, 'trimmed')} older ones dropped`)

/** What is said of each kind, part by part. */
export const hubSentences: Readonly<Record<string, (fact: Fact) => readonly string[]>> = {
  'connection-settled': (fact) => [`${word(fact, 'state')} after all`, plural(number(fact, 'held'), 'change') + ' meanwhile'],
  'twin-reported': (fact) => [`reported ${patchText('', fact['patch'])}`, `version ${word(fact, 'version')}`],
  'twin-changed': (fact) => [
    fact['replaces'] === true ? 'replaced' : '',
    patchText('tags', fact['tags']),
    patchText('desired', fact['desired']),
    statuses(fact) === '' ? cause(fact) : statuses(fact),
    by(fact),
  ],
  'model-announced': (fact) => [`model ${word(fact, 'modelId')}`],
  'module-created': (fact) => [by(fact)],
  'module-changed': (fact) => [[fact['changes'] ?? []].flat().map(String).join(', '), by(fact)],
  'module-deleted': (fact) => [by(fact)],
  'c2d-enqueued': (fact) => [`${message(fact)} waits`, bytes(number(fact, 'bytes')), by(fact)],
  'c2d-completed': (fact) => [`${message(fact)} taken`, tries(fact)],
  'c2d-dead-lettered': (fact) => [`${message(fact)} given up`, word(fact, 'reason').replace('-', ' '), tries(fact)],
  'c2d-purged': (fact) => [`${plural(number(fact, 'count'), 'waiting message')} dropped`, by(fact)],
  'method-called': (fact) => [
    word(fact, 'method'),
    typeof fact['status'] === 'number' ? `answered ${fact['status']}` : `no answer: ${word(fact, 'code')}`,
    took(fact),
    by(fact),
  ],
  'file-upload-started': (fact) => [word(fact, 'blobName')],
  'file-uploaded': (fact) => [
    word(fact, 'blobName'),
    fact['succeeded'] === true ? 'succeeded' : 'failed',
    typeof fact['bytes'] === 'number' ? bytes(fact['bytes']) : '',
  ],
  'service-messages-dropped': (fact) => [
    `${word(fact, 'count')} of ${word(fact, 'queue').replace('-', ' ')}`,
    word(fact, 'reason').replace('-', ' '),
  ],
  'job-started': (fact) => [`job ${word(fact, 'job')}`, jobWords(fact), by(fact)],
  'job-device-ended': (fact) => [
    `job ${word(fact, 'job')} ${word(fact, 'status')}`,
    fact['answerStatus'] === undefined ? '' : `answered ${word(fact, 'answerStatus')}`,
    word(fact, 'description'),
    word(fact, 'code'),
  ],
  'job-ended': (fact) => [
    `job ${word(fact, 'job')} ${word(fact, 'status')}`,
    `${word(fact, 'succeeded')} of ${word(fact, 'devices')} succeeded`,
    word(fact, 'reason'),
  ],
  'configuration-changed': (fact) => [`configuration ${word(fact, 'id')} ${word(fact, 'action')}d`, by(fact)],
  'configurations-evaluated': (fact) => [
    plural(number(fact, 'configurations'), 'configuration'),
    `${plural(number(fact, 'changed'), 'twin')} changed`,
    took(fact),
  ],
  'configuration-content-applied': (fact) => [`${plural(number(fact, 'twins'), 'twin')} set`, by(fact)],
  'routes-changed': (fact) => [word(fact, 'what'), `version ${word(fact, 'version')}`, by(fact)],
  'import-started': (fact) => [`import ${word(fact, 'import')}`, by(fact)],
  'import-ended': (fact) => [
    `import ${word(fact, 'import')} ${word(fact, 'status')}`,
    plural(number(fact, 'done'), 'line'),
    fact['failed'] === undefined || fact['failed'] === 0 ? '' : `${number(fact, 'failed')} not done`,
  ],
  'endpoint-changed': (fact) => [`${egress(fact)} ${word(fact, 'action')}d`, word(fact, 'type'), by(fact)],
  'egress-failed': (fact) => [
    `${egress(fact)} takes nothing`,
    word(fact, 'reason'),
    `${plural(number(fact, 'tries'), 'try', 'tries')} so far`,
  ],
  'egress-recovered': (fact) => [`${egress(fact)} takes events again`, `after ${milliseconds(number(fact, 'durationMs') / 1000)} s`],
  'egress-lost': (fact) => [egress(fact), `offsets ${word(fact, 'first')} to ${word(fact, 'last')} were gone before they were sent`],
  'egress-dead-lettered': (fact) => [
    `${plural(number(fact, 'count'), 'event')} of ${egress(fact)} put aside`,
    trimmed(fact),
    word(fact, 'reason'),
  ],
  'service-added': (fact) => [serviceWords(fact), by(fact)],
  'service-removed': (fact) => [serviceWords(fact), by(fact)],
}

const jobWords = (fact: Fact): string => (word(fact, 'jobType') === 'scheduleDeviceMethod' ? 'calls a method' : 'changes twins')
const serviceWords = (fact: Fact): string => `${word(fact, 'what').replaceAll('-', ' ')} ${word(fact, 'name')}`
