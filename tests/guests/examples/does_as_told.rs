//! Does with each record what its second word says: `drop` drops it, `hold` holds it back while no
//! record comes that is not to be held. Of a container without an id it can judge nothing.

use logsieve_filter::{Batch, Filter, Unjudged, export_filter, origin};

struct DoesAsTold;

impl Filter for DoesAsTold {
    fn batch(&mut self, batch: &mut Batch<'_>) -> Result<(), Unjudged> {
        if origin::get("container.id").is_none() {
            return Err("the container's id is not known yet".to_owned().into());
        }
        let told = |text: &[u8]| text.split(|byte| *byte == b' ').nth(1).map(<[u8]>::to_vec);
        let is = |text: &[u8], word: &[u8]| told(text).is_some_and(|told| told == word);
        let mut hold = 0;
        while hold < batch.len() && is(batch.text(batch.len() - 1 - hold), b"hold") {
            hold += 1;
        }
        if batch.is_last() {
            hold = 0;
        }
        batch.hold(hold);
        for at in 0..batch.len() - hold {
            if is(batch.text(at), b"drop") {
                batch.record(at).discard();
            }
        }
        Ok(())
    }
}

export_filter!(DoesAsTold);
