import { cleanup } from "@testing-library/react";
import { afterEach } from "vitest";

// Without animations Fluent shows and hides at once; happy-dom's own end in rejections that nobody awaits.
Reflect.deleteProperty(Element.prototype, "animate");

afterEach(cleanup);
