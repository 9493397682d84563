import { setTimeout as wait } from 'node:timers/promises'
import { WebSocket } from 'ws'

/** What a process still holds once its garbage is collected, in bytes: V8's heap, and buffers outside it. */
export type LiveMemory = { readonly heapBytes: number; readonly externalBytes: number }

/**
 * Opens the inspector of a Node process (SIGUSR1, port 9229 of this machine) and returns how to measure it: each call collects all garbage
 * first. Resident memory also holds what V8 keeps for later, and says little about a leak of a few bytes each time.
 */
export async function watchLiveMemory(pid: number): Promise<() => Promise<LiveMemory>> {
  process.kill(pid, 'SIGUSR1')
  let url: string | undefined
  for (let tries = 0; url === undefined && tries < 50; tries++) {
    await wait(100)
    const answer = await fetch('http://127.0.0.1:9229/json').catch(() => undefined)
    const targets: readonly { readonly webSocketDebuggerUrl: string }[] = answer === undefined ? [] : JSON.parse(await answer.text())
    url = targets[0]?.webSocketDebuggerUrl
  }
  if (url === undefined) throw new Error('the inspector did not open')
  const socket = new WebSocket(url, { perMessageDeflate: false })
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  const waiting = new Map<number, (result: { result?: { value: string } }) => void>()
  socket.on('message', (data: Buffer) => {
    const { id, result }: { id: number; result: { result?: { value: string } } } = JSON.parse(data.toString('utf8'))
    waiting.get(id)?.(result)
    waiting.delete(id)
  })
  let last = 0
  const call = (method: string, params: object = {}) =>
    new Promise<{ result?: { value: string } }>((resolve) => {
      waiting.set(++last, resolve)
      socket.send(JSON.stringify({ id: last, method, params }))
    })
  await call('HeapProfiler.enable')
  return async () => {
    // Twice: what finalizers let go of is only garbage for the second.
    await call('HeapProfiler.collectGarbage')
    await call('HeapProfiler.collectGarbage')
    const { result } = await call('Runtime.evaluate', { expression: 'JSON.stringify(process.memoryUsage())', returnByValue: true })
    const usage: { heapUsed: number; external: number } = JSON.parse(result?.value ?? '{}')
    return { heapBytes: usage.heapUsed, externalBytes: usage.external }
  }
}
