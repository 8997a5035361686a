import { makeStyles, mergeClasses, tokens } from "@fluentui/react-components";
import type { ReactNode } from "react";
import type { Method } from "../../api/transport";

const useStyles = makeStyles({
  root: {
    fontFamily: tokens.fontFamilyMonospace,
    fontSize: tokens.fontSizeBase200,
    fontWeight: tokens.fontWeightSemibold,
  },
  GET: { color: tokens.colorPaletteGreenForeground1 },
  POST: { color: tokens.colorBrandForeground1 },
  PUT: { color: tokens.colorPaletteDarkOrangeForeground1 },
  PATCH: { color: tokens.colorPaletteDarkOrangeForeground1 },
  DELETE: { color: tokens.colorPaletteRedForeground1 },
});

export function Verb({ method }: { method: Method }): ReactNode {
  const styles = useStyles();
  return <span className={mergeClasses(styles.root, styles[method])}>{method}</span>;
}
