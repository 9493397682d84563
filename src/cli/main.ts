#!/usr/bin/env node
// The entry of the command. Nothing is imported before the version is known: a Node that is too old should say so, and not fail to parse.
const wanted = '26.'
if (process.versions.node.startsWith(wanted)) {
  const { runCommand } = await import('./run.io.ts')
  process.exitCode = await runCommand(process.argv.slice(2))
} else {
  process.stderr.write(
    `thingwall needs Node 26 and runs under ${process.version}.\n` +
      '  why: it is written for what that version brings; older ones lack parts that its security rests on.\n' +
      '  fix: use "npx thingwall" or "npm start", which bring Node 26 with them, or install it.\n',
  )
  process.exitCode = 1
}
