/** How often the watch looks whether the thread is free, in milliseconds. */
const period = 10

/**
 * Watches for how long this thread's event loop is held by one piece of work: a timer that fires late tells. Waits shorter than a period
 * are not seen. It wakes the thread a hundred times a second, so it runs only where somebody reads it. Disposing ends it.
 * @param stalled told the seconds of each delay
 */
export function watchStalls(stalled: (seconds: number) => void): Disposable {
  let expected = performance.now() + period
  const timer = setInterval(() => {
    const now = performance.now()
    stalled(Math.max(0, now - expected) / 1000)
    expected = now + period
  }, period)
  timer.unref()
  return { [Symbol.dispose]: () => clearInterval(timer) }
}
