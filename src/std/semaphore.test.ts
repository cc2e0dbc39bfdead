import { describe, expect, test } from "bun:test"
import { KeyedMutex, Semaphore } from "./semaphore.ts"

/** Lets everything run that can go on without a timer. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve))

describe("a semaphore", () => {
  test("lets so many holders in, and the others in their order, each when one leaves", async () => {
    const semaphore = new Semaphore(2)
    const entered: number[] = []
    const slots: Disposable[] = []
    for (let number = 0; number < 5; number++)
      void semaphore.acquire().then((slot) => {
        entered.push(number)
        slots.push(slot)
      })
    await settle()
    expect(entered).toEqual([0, 1])
    slots[1]![Symbol.dispose]()
    await settle()
    expect(entered).toEqual([0, 1, 2])
    slots[0]![Symbol.dispose]()
    slots[2]![Symbol.dispose]()
    await settle()
    expect(entered).toEqual([0, 1, 2, 3, 4])
  })

  test("counts a slot that is given back twice once", async () => {
    const semaphore = new Semaphore(1)
    const first = await semaphore.acquire()
    first[Symbol.dispose]()
    first[Symbol.dispose]()
    await semaphore.acquire()
    let entered = false
    void semaphore.acquire().then(() => {
      entered = true
    })
    await settle()
    expect(entered).toBe(false)
  })

  test("does not let a newcomer overtake one that waits", async () => {
    const semaphore = new Semaphore(1)
    const order: string[] = []
    const first = await semaphore.acquire()
    const waiting = semaphore.run(() => order.push("waited"))
    first[Symbol.dispose]()
    await Promise.all([waiting, semaphore.run(() => order.push("came later"))])
    expect(order).toEqual(["waited", "came later"])
  })

  test("has its slot back when a task fails, at once or later", async () => {
    const semaphore = new Semaphore(1)
    const fails = (): never => {
      throw new Error("failed at once")
    }
    await expect(semaphore.run(fails)).rejects.toThrow("failed at once")
    await expect(semaphore.run(() => Promise.reject(new Error("failed later")))).rejects.toThrow("failed later")
    expect(await semaphore.run(() => "runs")).toBe("runs")
  })
})

describe("a mutex for each key", () => {
  test("runs tasks of one key one after the other, and those of others beside them", async () => {
    const mutex = new KeyedMutex()
    const ended = Promise.withResolvers<void>()
    const told: string[] = []
    const first = mutex.run("a", async () => {
      told.push("a begins")
      await ended.promise
      told.push("a ends")
    })
    const second = mutex.run("a", () => told.push("a again"))
    await mutex.run("b", () => told.push("b"))
    expect(told).toEqual(["a begins", "b"])
    ended.resolve()
    await Promise.all([first, second])
    expect(told).toEqual(["a begins", "b", "a ends", "a again"])
  })

  test("goes on after a task that failed, which only its own caller is told", async () => {
    const mutex = new KeyedMutex()
    const failed = mutex.run("a", () => Promise.reject(new Error("the first failed")))
    const next = mutex.run("a", () => "the next ran")
    await expect(failed).rejects.toThrow("the first failed")
    expect(await next).toBe("the next ran")
  })

  test("keeps the order when a task comes while the last one is ending", async () => {
    const mutex = new KeyedMutex()
    let running = 0
    let most = 0
    const task = async () => {
      most = Math.max(most, ++running)
      await settle()
      running--
    }
    for (let round = 0; round < 10; round++) await Promise.all([mutex.run("a", task), mutex.run("a", task)])
    const last = mutex.run("a", task)
    await settle()
    await Promise.all([last, mutex.run("a", task)])
    expect(most).toBe(1)
  })
})
