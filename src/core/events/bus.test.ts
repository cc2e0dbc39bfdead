import { MemoryEventBus } from "./bus.ts"
import { eventSuite } from "./suite.ts"

eventSuite(() => new MemoryEventBus())
