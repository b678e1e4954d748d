//! The present state of what others hear from the wallet.

use crate::{
    parse::CustomerRef,
    parse_recharge, render_payments,
    store::{charges, recharges, settings, top_ups, wallets},
    use_cases::{close_metered, close_month, create_top_up::wallet_name},
};
use payterms_chassis::{
    WriteTx, names,
    snapshots::{Snapshots, States},
};
use payterms_kernel::Id;
use payterms_proto::wallet::v1::{
    AutoRechargeChanged, ChargeChanged, MeteredUsageClosed, TopUpChanged, UsageMonthClosed, WalletSettingsChanged,
};
use prost::Message;
use std::collections::HashMap;

/// All snapshots.
#[must_use]
pub fn all() -> Snapshots {
    Snapshots::default()
        .with::<TopUpChanged>("top_up", top_ups_of)
        .with::<ChargeChanged>("charge", charges_of)
        .with::<AutoRechargeChanged>("auto_recharge", recharges_of)
        .with::<WalletSettingsChanged>("wallet_settings", settings_of)
        .with::<MeteredUsageClosed>("metered_usage", closes_of)
        .with::<UsageMonthClosed>("usage_month", months_of)
}

fn top_ups_of<'a>(tx: &'a WriteTx, ids: &'a [String]) -> States<'a> {
    Box::pin(async move {
        let tenant = &tx.call().tenant;
        let ids: Vec<_> = ids.iter().filter_map(|id| names::uuid(id)).map(Id::from_uuid).collect();
        let found = top_ups::find_many(tx.conn(), tenant, &ids).await?;
        let owners: Vec<_> = found.iter().map(|top_up| top_up.wallet).collect();
        let owners: HashMap<_, _> =
            wallets::find_many(tx.conn(), tenant, &owners).await?.into_iter().map(|wallet| (wallet.id, wallet)).collect();
        let mut states = Vec::with_capacity(found.len());
        for top_up in &found {
            let Some(wallet) = owners.get(&top_up.wallet) else { continue };
            let told = TopUpChanged { top_up: Some(render_payments::top_up(&wallet_name(tenant, wallet), top_up)?) };
            states.push((top_up.id.to_string(), told.encode_to_vec()));
        }
        Ok(states)
    })
}

fn charges_of<'a>(tx: &'a WriteTx, ids: &'a [String]) -> States<'a> {
    Box::pin(async move {
        let tenant = &tx.call().tenant;
        let ids: Vec<_> = ids.iter().filter_map(|id| names::uuid(id)).map(Id::from_uuid).collect();
        let found = charges::find_many(tx.conn(), tenant, &ids).await?;
        let owners: Vec<_> = found.iter().map(|charge| charge.wallet).collect();
        let owners: HashMap<_, _> =
            wallets::find_many(tx.conn(), tenant, &owners).await?.into_iter().map(|wallet| (wallet.id, wallet.customer)).collect();
        let state = |charge: &payterms_wallet_domain::Charge| {
            let customer = CustomerRef { tenant: tenant.clone(), customer: *owners.get(&charge.wallet)? };
            let told = ChargeChanged { charge: Some(render_payments::charge(&customer, charge)) };
            Some((charge.id.to_string(), told.encode_to_vec()))
        };
        Ok(found.iter().filter_map(state).collect())
    })
}

fn recharges_of<'a>(tx: &'a WriteTx, ids: &'a [String]) -> States<'a> {
    Box::pin(async move {
        let tenant = &tx.call().tenant;
        let ids: Vec<_> = ids.iter().filter_map(|id| names::uuid(id)).map(Id::from_uuid).collect();
        let owners = wallets::find_many(tx.conn(), tenant, &ids).await?;
        let rules = recharges::of(tx.conn(), tenant, &ids).await?;
        let state = |wallet: &payterms_wallet_domain::Wallet| {
            let rendered = parse_recharge::render(&wallet_name(tenant, wallet), rules.get(&wallet.id)?);
            Some((wallet.id.to_string(), AutoRechargeChanged { auto_recharge: Some(rendered) }.encode_to_vec()))
        };
        Ok(owners.iter().filter_map(state).collect())
    })
}

fn settings_of<'a>(tx: &'a WriteTx, ids: &'a [String]) -> States<'a> {
    Box::pin(async move {
        let tenant = &tx.call().tenant;
        if !ids.iter().any(|id| id == tenant.as_str()) {
            return Ok(Vec::new());
        }
        let own = settings::find(tx.conn(), tenant).await?;
        let rendered = render_payments::settings(tenant, &own);
        let told = WalletSettingsChanged { wallet_settings: Some(rendered), turned_off_by: String::new() };
        Ok(vec![(tenant.to_string(), told.encode_to_vec())])
    })
}

/// Months of services that were closed; each is billed once, however often it is told.
fn closes_of<'a>(tx: &'a WriteTx, ids: &'a [String]) -> States<'a> {
    Box::pin(async move {
        let mut states = Vec::new();
        for id in ids {
            states.extend(close_metered::closed(tx, id).await?.map(|told| (id.clone(), told.encode_to_vec())));
        }
        Ok(states)
    })
}

/// Months of wallets that were closed; each is billed once, however often it is told.
fn months_of<'a>(tx: &'a WriteTx, ids: &'a [String]) -> States<'a> {
    Box::pin(async move {
        let mut states = Vec::new();
        for id in ids {
            let Some(closing) = names::uuid(id) else { continue };
            states.extend(close_month::closed(tx, closing).await?.map(|told| (id.clone(), told.encode_to_vec())));
        }
        Ok(states)
    })
}
