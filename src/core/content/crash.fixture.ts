import { writeSync } from "node:fs"
import { join } from "node:path"
import { MemoryEventBus } from "../events/bus.ts"
import { MetadataDatabase } from "../metadata/database.ts"
import { backgroundScope } from "../scope.ts"
import { DiskContentStore } from "./store.ts"

/** Commits blobs for ever, several at a time, and tells each digest after its commit; made to be killed at any moment. */
const root = process.argv[2]!
const database = MetadataDatabase.open(join(root, "barge.db"))
const content = await DiskContentStore.open(database, new MemoryEventBus(), join(root, "content"))
const scope = backgroundScope("moby", "crash")

async function writer(name: string): Promise<never> {
  for (let number = 0; ; number++) {
    const bytes = Buffer.alloc(50_000, `${process.pid} ${name} ${number}`)
    await using ingest = await content.ingest(scope, `${process.pid}-${name}-${number}`)
    await ingest.write(bytes.subarray(0, 20_000))
    await ingest.write(bytes.subarray(20_000))
    const { digest } = await ingest.commit(scope)
    writeSync(1, `${digest}\n`)
  }
}

await Promise.all(["a", "b", "c"].map(writer))
