import { expect, test } from "bun:test"
import { withDatabase } from "../metadata/temporary.fixture.ts"
import { backgroundScope } from "../scope.ts"
import { MetadataLeaseStore } from "./store.ts"
import { leaseSuite } from "./suite.ts"

leaseSuite((use) => withDatabase((database) => use(new MetadataLeaseStore(database))))

test("leases of work that a killed daemon had under way end at the next start, others stay", () =>
  withDatabase(async (database) => {
    const scope = backgroundScope("moby", "test")
    const leases = new MetadataLeaseStore(database)
    await leases.create(scope, { id: "client", ttlMs: 3_600_000 })
    await leases.within(scope, async () => {
      expect(await new MetadataLeaseStore(database).list(scope)).toMatchObject([{ id: "client" }])
    })
  }))
