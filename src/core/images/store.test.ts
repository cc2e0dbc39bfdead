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
    const seen: string[] = []
    events.on("/images/", ({ topic, payload }) => seen.push(`${topic} ${payload["name"]}`))
    const images = new MetadataImageStore(database, events)
    const scope = backgroundScope("moby", "test")
    const target = { mediaType: mediaTypes.ociManifest, digest: digestOf("x"), size: 1 }
    await images.set(scope, "a", target)
    await images.set(scope, "a", target)
    await images.remove(scope, "a")
    expect(seen).toEqual(["/images/create a", "/images/update a", "/images/delete a"])
  }))
