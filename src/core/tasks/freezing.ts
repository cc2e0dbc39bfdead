import { Failure } from "../../errors/failure.ts"
import { KeyedMutex } from "../../std/semaphore.ts"
import type { LiveTask } from "./live.ts"

/** Freezes and thaws tasks, one at a time for each. */
export class Freezing {
  readonly #perTask = new KeyedMutex()

  /** @throws conflict when it has ended */
  async pause(live: LiveTask): Promise<void> {
    await this.#perTask.run(live.key, async () => {
      await live.cgroup.freeze()
      // It ended while it was being frozen: what the group still holds (the runtime on its way out) must not stay so.
      if (live.exit) {
        await live.cgroup.thaw()
        throw new Failure("conflict", `container ${live.holdings.containerId} is not running`)
      }
      live.status = "paused"
    })
  }

  async resume(live: LiveTask): Promise<void> {
    await this.#perTask.run(live.key, async () => {
      await live.cgroup.thaw()
      live.status = "running"
    })
  }

  /** Runs `work`, while tasks are frozen and thawed by nobody else. */
  async only<T>(tasks: readonly LiveTask[], work: () => Promise<T>): Promise<T> {
    const keys = tasks.map(({ key }) => key).sort()
    const holding = (from: number): Promise<T> =>
      from === keys.length ? work() : this.#perTask.run(keys[from]!, () => holding(from + 1))
    return await holding(0)
  }
}
