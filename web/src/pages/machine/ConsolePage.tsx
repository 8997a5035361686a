import { makeStyles } from "@fluentui/react-components";
import type { ReactNode } from "react";
import { ConsolePane } from "../../console/ConsolePane";
import { t } from "../../text";
import { useLocale } from "../../text/language";
import { useMachine } from "./machineContext";

const useStyles = makeStyles({
  hidden: { position: "absolute", width: "1px", height: "1px", overflow: "hidden", clipPath: "inset(50%)" },
});

/** The console of the server itself: its serial port, or the emergency shell that its administrator allows. */
export default function ConsolePage(): ReactNode {
  const styles = useStyles();
  useLocale();
  const { id, place } = useMachine();
  return (
    <>
      <h1 className={styles.hidden}>{t("console.terminal", { name: place.name })}</h1>
      <ConsolePane vmId={id} name={place.name} />
    </>
  );
}
