import { createDOMRenderer, FluentProvider, RendererProvider } from "@fluentui/react-components";
import type { ReactNode } from "react";
import { nonce } from "../nonce";
import { darkTheme, lightTheme } from "./brand";
import { useDark } from "./choice";

const renderer = createDOMRenderer(document, nonce ? { styleElementAttributes: { nonce } } : {});

/** Fluent's theme and its style elements, which carry the page's nonce. */
export function Themed({ children }: { children: ReactNode }): ReactNode {
  const dark = useDark();
  return (
    <RendererProvider renderer={renderer} targetDocument={document}>
      <FluentProvider theme={dark ? darkTheme : lightTheme}>{children}</FluentProvider>
    </RendererProvider>
  );
}
