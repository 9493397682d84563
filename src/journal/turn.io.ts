/** Runs `work` once the current turn of the event loop has taken all its input: what sockets brought in one turn shares one flush. */
export function atEndOfTurn(work: () => void): void {
  setImmediate(work)
}
