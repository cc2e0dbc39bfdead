import { containerSuite } from "../suites/containers.ts"

containerSuite("docker")
