-- The roles of docs/runbooks/postgres.md, made by the administrator of the server.
CREATE ROLE payterms_owner LOGIN PASSWORD :'owner';
CREATE DATABASE payterms OWNER payterms_owner;
CREATE ROLE payterms_wallet LOGIN PASSWORD :'wallet';
CREATE ROLE payterms_invoicing LOGIN PASSWORD :'invoicing';
CREATE ROLE payterms_credit LOGIN PASSWORD :'credit';
CREATE ROLE payterms_plans LOGIN PASSWORD :'plans';
