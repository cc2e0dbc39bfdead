import { expect, test } from "bun:test"
import { mediaTypes } from "../../oci/descriptor.ts"
import { digestOf } from "../../oci/digest.ts"
import { MemoryEventBus } from "../events/bus.ts"
import { withDatabase } from "../metadata/temporary.fixture.ts"
import { backgroundScope } from "../scope.ts"
import { MetadataImageStore } from "./store.ts"
import { imageSuite } from "./suite.ts"

imageSuite((use) => withDatabase((database) => use(new MetadataImageStore(database, new MemoryEventBus()))))

test("changes of names are published after they are durable", () =>
  withDatabase(async (database) => {
    const events = new MemoryEventBus()
    const abort = new AbortController()
    const told = events.subscribe({ signal: abort.signal, filters: ["topic~=|^/images/|"] })
    const images = new MetadataImageStore(database, events)
    const scope = backgroundScope("moby", "test")
    const target = { mediaType: mediaTypes.ociManifest, digest: digestOf("x"), size: 1 }
    await images.set(scope, "a", target)
    await images.set(scope, "a", target, { x: "1" })
    await images.updateLabels(scope, "a", { y: "2" }, ["labels.y"])
    await images.remove(scope, "a")
    abort.abort()
    expect(await Array.fromAsync(told, ({ topic, payload }) => [topic, payload] as unknown)).toEqual([
      ["/images/create", { name: "a", labels: {} }],
      ["/images/update", { name: "a", labels: { x: "1" } }],
      ["/images/update", { name: "a", labels: { x: "1", y: "2" } }],
      ["/images/delete", { name: "a" }],
    ])
  }))
