import { lockDirectory } from '#store'

// A process that takes the lock of a directory, says so (or why not), and holds it until it is killed or its input ends. Arguments: directory.
const lock = lockDirectory(process.argv[2] ?? '')
process.stdout.write(`${lock.ok ? 'held' : lock.error.message}\n`)
if (lock.ok) process.stdin.on('end', () => lock.value[Symbol.dispose]()).resume()
