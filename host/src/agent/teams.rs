//! Looks into the folders of teams, and says when what they ship is not as before. A folder that cannot be
//! listed counts as it was.

use std::collections::BTreeMap;

use crate::config::{Shipped, Team};
use crate::filter::shipped;
use crate::filter::swap::Swap;

/// What teams ship, as of the last look.
#[derive(Default)]
pub struct Teams {
    shipped: Shipped,
    /// What was told of each team, so that it is told once.
    told: BTreeMap<String, String>,
}

impl Teams {
    #[must_use]
    pub fn shipped(&self) -> &Shipped {
        &self.shipped
    }

    /// Looks into every folder. Says whether there are other filters than before.
    pub fn look(&mut self, teams: &[Team], swap: &Swap) -> bool {
        let mut shipped = Shipped::new();
        for team in teams {
            let former = swap.known_below(&team.prefix());
            let present = match shipped::names(&team.directory) {
                Ok(present) => present,
                Err(error) => {
                    let folder = team.directory.display();
                    self.tell(
                        team,
                        format!("its folder {folder} cannot be listed: {error}"),
                    );
                    former.clone()
                }
            };
            let (allowed, surplus) = shipped::allowed(&present, &former, team.filters_max);
            if !surplus.is_empty() {
                let (most, surplus) = (team.filters_max, surplus.join("`, `"));
                self.tell(
                    team,
                    format!("more than {most} filters; not run: `{surplus}`"),
                );
            }
            shipped.insert(team.name.clone(), allowed);
        }
        let changed = shipped != self.shipped;
        self.shipped = shipped;
        changed
    }

    fn tell(&mut self, team: &Team, what: String) {
        if self.told.get(&team.name) != Some(&what) {
            tracing::warn!(team = team.name, what, "a team's filters are not all there");
            self.told.insert(team.name.clone(), what);
        }
    }
}
