import { MemoryEventBus } from "../events/bus.ts"
import { withDatabase } from "../metadata/temporary.fixture.ts"
import { MetadataSnapshotRows } from "../snapshots/rows.ts"
import { MetadataContainerStore } from "./store.ts"
import { containerSuite } from "./suite.ts"

containerSuite((use) =>
  withDatabase((database) => {
    const snapshots = new MetadataSnapshotRows(database)
    return use(new MetadataContainerStore({ database, snapshots, events: new MemoryEventBus() }), snapshots)
  }),
)
