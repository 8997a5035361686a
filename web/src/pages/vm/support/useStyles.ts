import { makeStyles, tokens } from "@fluentui/react-components";

/** How the pages of "Support + troubleshooting" are laid out. */
export const useSupportStyles = makeStyles({
  root: { display: "grid", gridTemplateColumns: "minmax(0, 1fr)", rowGap: tokens.spacingVerticalL },
  narrow: { maxWidth: "48rem" },
  text: { margin: 0 },
  list: { marginBlock: 0, paddingInlineStart: tokens.spacingHorizontalXL },
  faint: { margin: 0, color: tokens.colorNeutralForeground3, fontSize: tokens.fontSizeBase200 },
  form: { display: "grid", rowGap: tokens.spacingVerticalM, maxWidth: "28rem", justifyItems: "stretch" },
  field: { maxWidth: "28rem" },
  fields: {
    display: "grid",
    gridTemplateColumns: "repeat(auto-fill, minmax(min(100%, 14rem), 1fr))",
    gap: tokens.spacingHorizontalM,
    alignItems: "start",
  },
  buttons: { display: "flex", flexWrap: "wrap", gap: tokens.spacingHorizontalS, alignItems: "center" },
  body: {
    display: "grid",
    rowGap: tokens.spacingVerticalXS,
    paddingBlock: tokens.spacingVerticalS,
    whiteSpace: "normal",
    overflowWrap: "anywhere",
  },
  mono: { fontFamily: tokens.fontFamilyMonospace, fontSize: tokens.fontSizeBase200 },
  strong: { fontWeight: tokens.fontWeightSemibold },
  pre: {
    margin: 0,
    maxHeight: "20rem",
    overflow: "auto",
    padding: tokens.spacingHorizontalS,
    backgroundColor: tokens.colorNeutralBackground3,
    borderRadius: tokens.borderRadiusMedium,
    fontFamily: tokens.fontFamilyMonospace,
    fontSize: tokens.fontSizeBase200,
    whiteSpace: "pre-wrap",
    overflowWrap: "anywhere",
  },
});
