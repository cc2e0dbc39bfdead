/**
 * Starts the Worker in `src/NAME.worker.ts`, from source or from within the compiled executable (the build lists every
 * `*.worker.ts` as an entry point; there they live under the executable's virtual root).
 */
export function startWorker(name: string): Worker {
  const compiled = import.meta.url.includes("$bunfs")
  return new Worker(compiled ? `/$bunfs/root/${name}.worker.js` : new URL(`../${name}.worker.ts`, import.meta.url).href)
}
