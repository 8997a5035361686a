import { inWordsOf } from "../catalogue";
import type { identity as english } from "../en/identity";

export const identity = inWordsOf<typeof english>()({
  noRight: "Vous n'avez aucun droit sur les pages d'identité",
  noRightHint:
    "Il y faut un rôle qui contient {action} sur l'ensemble du plan de contrôle, par exemple Reader ; pour y modifier quelque chose, Owner. Demandez à un Owner de vous l'attribuer, puis revenez.",
  whyRight:
    "Vous n'avez aucun rôle qui contient {action} sur l'ensemble du plan de contrôle. Demandez à un Owner.",

  roles: "Rôles",
  noRoles: "Aucun rôle nulle part : rien ne peut être vu ni fait.",
  from: "Provient de",
  given: "attribué directement",
  byGroup: "par le groupe {name}",
  whyGroup: "Il provient d'un groupe : retirez-le au groupe, ou retirez la personne du groupe.",
  roleRemoved: "{role} a été retiré à {name}.",
  groups: "Groupes",
  noGroups: "Dans aucun groupe.",
});
