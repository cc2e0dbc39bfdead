import { expect, test } from "bun:test"
import { MemoryEventBus } from "../events/bus.ts"
import { MetadataLeaseStore } from "../leases/store.ts"
import { withDatabase } from "../metadata/temporary.fixture.ts"
import { backgroundScope } from "../scope.ts"
import { MetadataNamespaceStore } from "./store.ts"
import { namespaceSuite } from "./suite.ts"

namespaceSuite((use) =>
  withDatabase((database) => {
    const leases = new MetadataLeaseStore(database)
    const addRecord = async (namespace: string) => void (await leases.create(backgroundScope(namespace, "test")))
    return use(new MetadataNamespaceStore(database, new MemoryEventBus()), addRecord)
  }),
)

test("a namespace whose first record is undone is not told of", () =>
  withDatabase(async (database) => {
    const events = new MemoryEventBus()
    const namespaces = new MetadataNamespaceStore(database, events)
    const abort = new AbortController()
    const told = events.subscribe({ signal: abort.signal })
    expect(() =>
      database.transaction(() => {
        database.ensureNamespace("undone")
        throw new Error("no room for the record")
      }),
    ).toThrow("no room")
    database.ensureNamespace("kept")
    database.ensureNamespace("kept")
    await namespaces.updateLabels("kept", { a: "1" })
    await namespaces.remove("kept")
    abort.abort()
    expect(await Array.fromAsync(told, ({ topic, payload }) => ({ topic, payload }) as unknown)).toEqual([
      { topic: "/namespaces/create", payload: { name: "kept", labels: {} } },
      { topic: "/namespaces/update", payload: { name: "kept", labels: { a: "1" } } },
      { topic: "/namespaces/delete", payload: { name: "kept" } },
    ])
  }))
